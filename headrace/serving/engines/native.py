"""The engine that runs SavedModels on Headrace's own runtime."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headrace import saved_model
from headrace.core.errors import FailedPreconditionError
from headrace.core.spec import TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.resource import Resource
from headrace.saved_model.restored import SignatureConcrete, UnavailableFunction
from headrace.serving.engines.base import PREDICT_METHOD, Array, Signature
from headrace.trace.function import function

XLA = "xla"
"""The name of this engine."""

FILE = "saved_model.pb"
"""The file in a version directory that has the graph."""

_MAX_PROGRAMS = 16
"""Programs kept of signatures that run together: a request may ask for any set of them."""


class NativeModel:
    """A SavedModel loaded by `headrace.saved_model`.

    Args:
        loaded: what that gave.
        engine_reason: why XLA runs it.

    Attributes:
        engine: always "xla".
    """

    engine = XLA

    def __init__(self, loaded: Any, engine_reason: str) -> None:
        self.engine_reason = engine_reason
        self._functions: dict[str, SignatureConcrete] = {name: f for name, f in loaded.signatures.items() if _can_be_served(f)}
        self._programs: dict[tuple[str, ...], Any] = {}
        self._lock = threading.Lock()
        self._signatures = {name: _signature(function) for name, function in self._functions.items()}

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What the model offers, by signature name."""
        return self._signatures

    @property
    def functions(self) -> Mapping[str, SignatureConcrete]:
        """The functions of the signatures, by signature name."""
        return self._functions

    @property
    def memory_bytes(self) -> int:
        """The bytes of all variables and constants that the signatures use."""
        held = {id(value): value for each in self._functions.values() for value in map(_content, each.captured_inputs)}
        return sum(int(getattr(value, "nbytes", 0)) for value in held.values())

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs one signature; see LoadedModel.run."""
        specs = self._signatures[signature].inputs
        tensors = {name: convert_to_tensor(value, specs[name].dtype) for name, value in inputs.items()}
        return {name: np.asarray(value) for name, value in self._functions[signature](**tensors).items()}

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Runs several signatures as one program, in which what they share is computed once; see LoadedModel.run_together."""
        specs = self._signatures[signatures[0]].inputs
        tensors = {name: convert_to_tensor(value, specs[name].dtype) for name, value in inputs.items()}
        found = self._program(tuple(sorted(signatures)))(**tensors)
        return {key: {name: np.asarray(value) for name, value in outputs.items()} for key, outputs in found.items()}

    def _program(self, names: tuple[str, ...]) -> Any:
        with self._lock:
            program = self._programs.get(names)
            if program is None:
                functions = {name: self._functions[name] for name in names}
                together = function(lambda **tensors: {name: each(**tensors) for name, each in functions.items()})
                program = together.get_concrete_function(**self._signatures[names[0]].inputs)
                if len(self._programs) >= _MAX_PROGRAMS:
                    del self._programs[next(iter(self._programs))]
                self._programs[names] = program
            return program

    def close(self) -> None:
        """Drops the functions, and with them their variables and compiled programs."""
        self._functions.clear()
        self._programs.clear()


class NativeEngine:
    """Loads SavedModel directories.

    Args:
        public_key: a PEM file; a version that no signature of its key covers is refused.
        expected_digest: of the content; any other version is refused.
        tags: of a SavedModel with several graphs, those of the one to load.
        reason: why XLA runs what is loaded.
    """

    def __init__(
        self,
        public_key: Path | None = None,
        expected_digest: str | None = None,
        tags: Sequence[str] = ("serve",),
        reason: str = "it is asked for",
    ) -> None:
        self._reason = reason
        self._tags = tuple(tags)
        self._required: dict[str, Any] = {"public_key": public_key, "expected_digest": expected_digest}

    def is_complete(self, path: Path) -> bool:
        """True once `saved_model.pb` is there."""
        return (path / FILE).is_file()

    def load(self, path: Path) -> NativeModel:
        """Loads the SavedModel at `path`; see Engine.load."""
        model = NativeModel(saved_model.load(str(path), tags=self._tags, **self._required), self._reason)
        if not model.signatures:
            raise FailedPreconditionError(
                f"the SavedModel at {path} has no signature that could be served; save it with signatures={{'serving_default':"
                " function}, where the function gives tensors, not sparse or ragged ones"
            )
        return model


def _content(captured: Any) -> Any:
    """The array that a captured tensor holds, or that the variable has whose handle it is."""
    held = captured.array
    return held.array if isinstance(held, Resource) else held


def _can_be_served(function: Any) -> bool:
    """False for a signature with ops that Headrace lacks, or sparse or ragged results, which the protocols have no form for."""
    if isinstance(function, UnavailableFunction):
        return False
    return all(isinstance(spec, TensorSpec) for spec in function.structured_outputs.values())


def _signature(function: Any) -> Signature:
    return Signature(
        inputs=dict(function.structured_input_signature[1]),
        outputs=dict(function.structured_outputs),
        method_name=getattr(function, "method_name", PREDICT_METHOD),
        defaults=dict(getattr(function, "defaults", {})),
    )
