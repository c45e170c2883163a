"""Samples of ops and how they are checked.

A family of ops lists its samples in `tests/ops/samples/<family>.py`:

    SAMPLES = [
        Sample("AddV2", (np.float32([1, 2]), np.float32(3)), reference=np.add),
        Sample("Cumsum", (X, -1), attrs={"reverse": True}),
        Sample("AddN", ([X, Y],)),  # a list input is a list
    ]

Inputs are numpy arrays or Python values (converted by Headrace's rules); each is checked by tests/ops/test_samples.py.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import headrace as tf
from headrace.core.dtypes import DType
from headrace.core.errors import HeadraceError
from headrace.core.shapes import TensorShape
from headrace.dispatch import opdef
from headrace.dispatch.convert import convert_inputs, resolve_types
from headrace.dispatch.tensor import Tensor
from tests.interop.peer_runs import run_module
from tests.ops import samples as sample_modules
from tests.ops.exchange import cotangent, decode, encode, is_differentiable

ROOT = Path(__file__).parents[2]
TOLERANCES = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-5, "complex64": 2e-5, "float64": 1e-10, "complex128": 1e-10}
STEP = 1e-5
"""How far finite differences step, in units of the (float64) inputs."""


@dataclass(frozen=True)
class Sample:
    """One call of an op.

    Attributes:
        op: the raw op's name.
        inputs: one entry a declared input: an array or Python value; a list of these for a list input.
        attrs: explicit attributes that differ from the defaults.
        reference: a numpy function of the inputs and attributes that gives the output (a tuple of several).
        gradient: whether gradients are looked at, where inputs and outputs are floating and the op is differentiable.
        numeric: whether gradients are compared with finite differences (not so at ties and kinks).
        oracle_gradient: whether gradients are compared with TensorFlow's.
        rtol, atol: tolerances; by default what suits the output's dtype.
        oracle: whether real TensorFlow evaluates it too.
        unknown: whether tf.function traces it with unknown dimensions; else with known ones.
        id: filled in when samples are collected.
    """

    op: str
    inputs: tuple[Any, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    reference: Callable[..., Any] | None = None
    gradient: bool = True
    numeric: bool = True
    rtol: float | None = None
    atol: float | None = None
    oracle: bool = True
    unknown: bool = True
    oracle_gradient: bool = True
    id: str = ""

    @property
    def definition(self) -> opdef.OpDef:
        """The op's declaration."""
        return opdef.get(self.op)


def collect() -> dict[str, list[Sample]]:
    """The samples of each family, with their ids."""
    families = {}
    for module in pkgutil.iter_modules(sample_modules.__path__):
        found = importlib.import_module(f"{sample_modules.__name__}.{module.name}").SAMPLES
        numbers: dict[str, int] = {}
        families[module.name] = named = []
        for sample in found:
            number = numbers[sample.op] = numbers.get(sample.op, -1) + 1
            named.append(replace(sample, id=f"{module.name}-{sample.op}-{number}"))
    return families


# Running samples.


def tensors_of(sample: Sample) -> list[Tensor]:
    """The flat inputs of a sample, converted."""
    op = sample.definition
    return convert_inputs(op, sample.inputs, op.canonical(sample.attrs))


def run(sample: Sample, flat: Sequence[Tensor]) -> list[Tensor]:
    """The op's outputs for flat inputs."""
    return list(sample.definition.all(*regroup(sample, flat), **sample.attrs))


def regroup(sample: Sample, flat: Sequence[Any]) -> list[Any]:
    """Flat values as one entry a declared input."""
    rest = iter(flat)
    return [
        [next(rest) for _ in value] if arg.is_list else next(rest)
        for arg, value in zip(sample.definition.inputs, sample.inputs, strict=True)
    ]


def is_gradient_checked(sample: Sample) -> bool:
    """True when the sample has gradients to look at. Nothing is run: a faulty sample passes here and fails in its test."""
    op = opdef.find(sample.op)
    if op is None:
        return True
    if not (sample.gradient and op.differentiable and (op.gradient_rule is not None or not op.host_only)):
        return False
    attrs = op.canonical(sample.attrs)
    try:
        flat = tensors_of(sample)
        counts = [len(value) for arg, value in zip(op.inputs, sample.inputs, strict=True) if arg.is_list]
        complete = resolve_types(op, flat, attrs, counts)
    except (HeadraceError, TypeError, ValueError):
        return True
    outputs = [dtype for _, dtype in op.flat_args(op.outputs, complete)]
    return any(carries_gradient(t) for t in flat) and any(d.is_floating or d.is_complex for d in outputs)


def is_host_only(sample: Sample) -> bool:
    """True when the sample cannot be compiled: because of the op, or of strings."""
    op = opdef.find(sample.op)
    strings = any(np.asarray(item).dtype.kind in "OSU" for v in sample.inputs for item in (v if isinstance(v, list) else [v]))
    return strings or (op is not None and op.host_only)


def carries_gradient(tensor: Any) -> bool:
    """True for floating and complex tensors."""
    return tensor.dtype.is_floating or tensor.dtype.is_complex


def gradients(sample: Sample, flat: Sequence[Tensor]) -> list[np.ndarray[Any, Any] | None]:
    """Gradients of the floating inputs of the sum of outputs times their cotangents."""
    return [None if g is None else np.asarray(tf.convert_to_tensor(g).numpy()) for g in gradient_tensors(sample, flat)]


def gradient_tensors(sample: Sample, flat: Sequence[Tensor], shapes: Sequence[Any] | None = None) -> list[Any]:
    """The same as tensors; in a graph the cotangents are made from `shapes`, arrays like the outputs."""
    sources = [t for t in flat if carries_gradient(t)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs = run(sample, flat)
    seeds = [
        (o, cotangent(np.asarray(o.numpy() if shapes is None else shapes[i]), sample.id, i))
        for i, o in enumerate(outputs)
        if carries_gradient(o)
    ]
    found: list[Any] = tape.gradient([o for o, _ in seeds], sources, [tf.convert_to_tensor(c) for _, c in seeds])
    return found


# Comparing.


def assert_close(actual: Any, expected: Any, sample: Sample, what: str, factor: float = 1.0) -> None:
    """Dtype, shape and values agree."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype, f"{what}: dtype {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    if not is_differentiable(expected):
        np.testing.assert_array_equal(actual, expected, err_msg=what)
        return
    tolerance = TOLERANCES[actual.dtype.name] * factor
    rtol = sample.rtol if sample.rtol is not None else tolerance
    atol = sample.atol if sample.atol is not None else tolerance
    wide = np.complex128 if actual.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(actual.astype(wide), expected.astype(wide), rtol=rtol, atol=atol, err_msg=what)


def assert_gradients_close(actual: Sequence[Any], expected: Sequence[Any], sample: Sample, what: str, factor: float = 4.0) -> None:
    """Gradients agree; None counts as zero."""
    assert len(actual) == len(expected), f"{what}: {len(actual)} gradients, expected {len(expected)}"
    for index, (a, e) in enumerate(zip(actual, expected, strict=True)):
        if a is None and e is None:
            continue
        a = np.zeros_like(e) if a is None else a
        e = np.zeros_like(a) if e is None else e
        assert_close(a, e, sample, f"{what}, input {index}", factor)


def widened(sample: Sample) -> list[Tensor] | None:
    """The inputs with floats as float64 and complexes as complex128; None when the op does not take these."""
    op = sample.definition
    flat = tensors_of(sample)
    declared = [arg for arg, value in zip(op.inputs, sample.inputs, strict=True) for _ in (value if arg.is_list else (0,))]
    wide = []
    for arg, tensor in zip(declared, flat, strict=True):
        target = tf.float64 if tensor.dtype.is_floating else tf.complex128 if tensor.dtype.is_complex else tensor.dtype
        if target is not tensor.dtype:
            allowed = op.attrs[arg.type_attr].allowed if arg.type_attr else None
            if arg.dtype is not None or (allowed is not None and target not in allowed):
                return None
        wide.append(tf.convert_to_tensor(np.asarray(tensor.numpy()).astype(target.np_dtype)))
    narrow = (tf.float16, tf.bfloat16, tf.float32, tf.complex64)
    if any(isinstance(value, DType) and value in narrow for value in op.canonical(sample.attrs).values()):
        return None
    return wide


def directional_derivatives(sample: Sample, flat: Sequence[Tensor]) -> tuple[float, float]:
    """The derivative along one random direction: by finite differences, and by the op's gradients."""
    source = np.random.RandomState(7)
    moving = [carries_gradient(t) for t in flat]
    directions = []
    for tensor, moves in zip(flat, moving, strict=True):
        array = np.asarray(tensor.numpy())
        direction: Any = source.uniform(-1, 1, array.shape) if moves else None
        directions.append(direction + 1j * source.uniform(-1, 1, array.shape) if moves and array.dtype.kind == "c" else direction)

    def loss(step: float) -> float:
        moved = [
            t if d is None else tf.convert_to_tensor(np.asarray(np.asarray(t.numpy()) + step * d))
            for t, d in zip(flat, directions, strict=True)
        ]
        outputs = [np.asarray(o.numpy()) for o in run(sample, moved)]
        return float(
            sum(np.sum(np.real(np.conj(cotangent(o, sample.id, i)) * o)) for i, o in enumerate(outputs) if is_differentiable(o))
        )

    numeric = (loss(STEP) - loss(-STEP)) / (2 * STEP)
    chosen = [d for d in directions if d is not None]
    exact = sum(
        float(np.sum(np.real(np.conj(g) * d))) for g, d in zip(gradients(sample, flat), chosen, strict=True) if g is not None
    )
    return numeric, exact


# Real TensorFlow.


def ask_tensorflow(python: Path, request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Sends a request to the peer; answers are kept in `folder` by the request's hash."""
    text = json.dumps(request, sort_keys=True)
    peer = b"".join((ROOT / "tests" / "ops" / name).read_bytes() for name in ("peer_tensorflow.py", "exchange.py"))
    stem = folder / hashlib.sha256(text.encode() + peer).hexdigest()[:32]
    answer = stem.with_suffix(".answer.json")
    if not answer.exists():
        question, partial = (stem.with_suffix(f".{os.getpid()}.{kind}.json") for kind in ("request", "partial"))
        question.write_text(text)
        run_module(python, "tests.ops.peer_tensorflow", question, partial)
        question.unlink()
        partial.replace(answer)
    result: dict[str, Any] = json.loads(answer.read_text())
    return result


def request_for(samples: Sequence[Sample]) -> dict[str, Any]:
    """What to ask the peer about samples."""
    items = []
    for sample in samples:
        flat = [encode(t.numpy()) for t in tensors_of(sample)]
        items.append(
            {
                "id": sample.id,
                "op": sample.op,
                "inputs": regroup(sample, flat),
                "attrs": {k: _plain(v) for k, v in sample.attrs.items()},
                "gradient": sample.gradient and sample.oracle_gradient and sample.definition.differentiable,
            }
        )
    return {"samples": items}


def _plain(value: Any) -> Any:
    if isinstance(value, DType):
        return value.name
    if isinstance(value, TensorShape):
        return None if value.rank is None else list(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


class Oracle:
    """Real TensorFlow's answers, asked for once a family."""

    def __init__(self, ask: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self._ask = ask
        self._family = cache(self._ask_family)

    def _ask_family(self, family: str) -> dict[str, Any]:
        answers: dict[str, Any] = self._ask(request_for([s for s in collect()[family] if s.oracle]))["samples"]
        return answers

    def answer(self, sample: Sample) -> dict[str, Any]:
        """TensorFlow's outputs and gradients of a sample, decoded."""
        found = self._family(sample.id.split("-")[0])[sample.id]
        assert "error" not in found, f"TensorFlow refused the sample {sample.id}: {found['error']}"
        result = dict(found)
        result["outputs"] = [decode(item) for item in found["outputs"]]
        if "gradients" in found:
            result["gradients"] = [None if item is None else decode(item) for item in found["gradients"]]
        return result
