"""What a server and the process that prepares a version tell each other, as JSON. Weights go another way: see `memory`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headrace.core import dtypes
from headrace.core.errors import InternalError, OpError
from headrace.core.spec import TensorSpec
from headrace.proto.messages import TensorProto, parse
from headrace.proto.tensors import from_proto, to_proto
from headrace.serving.batching.metrics import BatchingMetrics
from headrace.serving.batching.options import AdaptiveBatching, FixedBatching
from headrace.serving.batching.versions import VersionBatching
from headrace.serving.engines.base import Recipe, Signature, Told
from headrace.serving.engines.options import EngineOptions
from headrace.serving.making import Making, Wanted
from headrace.serving.servable import Servable, Shapes
from headrace.serving.warmup import Learned

_MOST_SAMPLE_BYTES = 8 << 20
"""Strings beyond that are left out; each is of 64 KiB at most."""

_OF_CODE = {kind.code: kind for kind in OpError.__subclasses__()}


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a version that runs; see warmup.Served."""

    shapes: list[tuple[tuple[str, ...], Shapes]] = field(default_factory=list)
    samples: dict[tuple[str, str], bytes] = field(default_factory=dict)
    choices: Told = field(default_factory=dict)

    def sample(self, signature: str, name: str) -> bytes:
        """A string that an input had, or one of that name of another signature; empty if there was none."""
        own = self.samples.get((signature, name))
        return own or next((value for (_, other), value in self.samples.items() if other == name), b"")

    def served_shapes(self) -> list[tuple[tuple[str, ...], Shapes]]:
        """The signatures, those together that ran together, and the input shapes."""
        return self.shapes


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be prepared.

    Attributes:
        recipe: of the engine.
        wanted: the version.
        how: how it is made ready.
        before: what is known of the version that serves meanwhile.
        log_level: of the log lines to write.
    """

    recipe: Recipe
    wanted: Wanted
    how: Making
    before: Asked | None
    log_level: str = "INFO"

    def text(self) -> str:
        """For `read`."""
        recipe, wanted = self.recipe, self.wanted
        return json.dumps(
            {
                "options": asdict(recipe.options),
                "recipe": [None if recipe.public_key is None else str(recipe.public_key), recipe.expected_digest, recipe.tags],
                "version": [wanted.model, wanted.number, str(wanted.path)],
                "batching": None if wanted.batching is None else _scheme_told(wanted.batching.scheme),
                "how": asdict(self.how),
                "before": None if self.before is None else _asked_told(self.before),
                "log_level": self.log_level,
            }
        )

    @classmethod
    def read(cls, text: str) -> Order:
        """The order that `text` gave."""
        told = json.loads(text)
        options = EngineOptions(**{**told["options"], "precisions": tuple(told["options"]["precisions"])})
        public_key, digest, tags = told["recipe"]
        model, number, path = told["version"]
        batching = None if told["batching"] is None else VersionBatching(_scheme(told["batching"]), BatchingMetrics())
        return cls(
            Recipe(options, None if public_key is None else Path(public_key), digest, tuple(tags)),
            Wanted(model, number, Path(path), batching),
            Making(**{**told["how"], "batches": tuple(told["how"]["batches"])}),
            None if told["before"] is None else _asked(told["before"]),
            told["log_level"],
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order.

    Attributes:
        error: why the version cannot be loaded; None when it can, and then the rest is of it.
        warm_up_seconds: what its warm-up file took; None when there was none, or its turn did not come.
        digest: of its files.
        signatures: what it offers.
        told: what its engine says of it; see Portable.
        asked: the runs of its warm-up.
        learned: what its batches took.
    """

    error: OpError | None = None
    warm_up_seconds: float | None = None
    digest: str = ""
    signatures: Mapping[str, Signature] = field(default_factory=dict)
    told: Told = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)
    learned: list[Learned] = field(default_factory=list)

    def text(self) -> str:
        """For `read`."""
        return json.dumps(
            {
                "error": None if self.error is None else [self.error.code, self.error.message],
                "warm_up_seconds": self.warm_up_seconds,
                "digest": self.digest,
                "signatures": {name: _signature_told(each) for name, each in self.signatures.items()},
                "told": self.told,
                "asked": _asked_told(self.asked),
                "learned": self.learned,
            }
        )

    @classmethod
    def read(cls, text: bytes) -> Outcome:
        """The outcome that `text` gave.

        Raises:
            InternalError: it was broken off.
        """
        try:
            told = json.loads(text)
        except ValueError:
            raise InternalError("the process that prepared the version broke off what it had to tell") from None
        error = told["error"]
        return cls(
            None if error is None else _OF_CODE.get(error[0], InternalError)(error[1]),
            told["warm_up_seconds"],
            told["digest"],
            {name: _signature(each) for name, each in told["signatures"].items()},
            told["told"],
            _asked(told["asked"]),
            [Learned(*each) for each in told["learned"]],
        )


def asked_of(servable: Servable) -> Asked:
    """What is known of a version."""
    samples: dict[tuple[str, str], bytes] = {}
    room = _MOST_SAMPLE_BYTES
    for key, value in servable.samples().items():
        room -= len(value)
        if room >= 0:
            samples[key] = value
    return Asked(servable.served_shapes(), samples, servable.choices)


def _asked_told(asked: Asked) -> Any:
    samples = [[*key, base64.b64encode(value).decode()] for key, value in asked.samples.items()]
    return {"shapes": asked.shapes, "samples": samples, "choices": asked.choices}


def _asked(told: Any) -> Asked:
    shapes = [(tuple(names), tuple((key, tuple(shape)) for key, shape in shapes)) for names, shapes in told["shapes"]]
    samples = {(signature, name): base64.b64decode(value) for signature, name, value in told["samples"]}
    return Asked(shapes, samples, told["choices"])


def _scheme_told(scheme: FixedBatching | AdaptiveBatching) -> Any:
    return {"kind": "fixed" if isinstance(scheme, FixedBatching) else "adaptive", "values": asdict(scheme)}


def _scheme(told: Any) -> FixedBatching | AdaptiveBatching:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told["values"].items()}
    return FixedBatching(**values) if told["kind"] == "fixed" else AdaptiveBatching(**values)


def _signature_told(signature: Signature) -> Any:
    return {
        "inputs": {name: _spec_told(spec) for name, spec in signature.inputs.items()},
        "outputs": {name: _spec_told(spec) for name, spec in signature.outputs.items()},
        "method_name": signature.method_name,
        "defaults": {
            name: base64.b64encode(to_proto(value).SerializeToString()).decode() for name, value in signature.defaults.items()
        },
    }


def _signature(told: Any) -> Signature:
    defaults = {name: parse(TensorProto, base64.b64decode(value), name) for name, value in told["defaults"].items()}
    return Signature(
        {name: _spec(spec) for name, spec in told["inputs"].items()},
        {name: _spec(spec) for name, spec in told["outputs"].items()},
        told["method_name"],
        {name: from_proto(value, f"the default of {name!r}") for name, value in defaults.items()},
    )


def _spec_told(spec: TensorSpec) -> Any:
    return [None if spec.shape.rank is None else list(spec.shape.as_tuple()), spec.dtype.name, spec.name]


def _spec(told: Any) -> TensorSpec:
    shape, dtype, name = told
    return TensorSpec(shape, dtypes.as_dtype(dtype), name)
