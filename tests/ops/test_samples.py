"""Every sample of every op: against a numpy reference, real TensorFlow, finite differences and tf.function."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.dispatch import opdef
from tests.ops import harness
from tests.ops.harness import Sample

FAMILIES = harness.collect()
ALL = [sample for samples in FAMILIES.values() for sample in samples]
WITHOUT_TENSORFLOW = os.environ.get("HEADRACE_NO_INTEROP", "") not in ("", "0")


def _each(samples: list[Sample]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sample", [pytest.param(s, id=s.id) for s in samples])


def _arrays(values: Any) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(v) for v in values]


@_each([s for s in ALL if s.reference is not None])
def test_reference(sample: Sample) -> None:
    assert sample.reference is not None
    flat = harness.tensors_of(sample)
    outputs = _arrays(harness.run(sample, flat))
    expected = sample.reference(*harness.regroup(sample, _arrays(flat)), **sample.attrs)
    if not isinstance(expected, tuple | list):
        expected = [expected]
    assert len(outputs) == len(expected)
    for index, (actual, wanted) in enumerate(zip(outputs, expected, strict=True)):
        harness.assert_close(actual, np.asarray(wanted).astype(actual.dtype), sample, f"output {index}")


@pytest.mark.interop
@_each([s for s in ALL if s.oracle])
def test_tensorflow_value(sample: Sample, oracle: harness.Oracle) -> None:
    expected = oracle.answer(sample)["outputs"]
    outputs = _arrays(harness.run(sample, harness.tensors_of(sample)))
    assert len(outputs) == len(expected)
    for index, (actual, wanted) in enumerate(zip(outputs, expected, strict=True)):
        harness.assert_close(actual, wanted, sample, f"output {index}")


def _is_compared(sample: Sample) -> bool:
    """True where the gradient is compared with TensorFlow's."""
    return sample.oracle and sample.oracle_gradient and harness.is_gradient_checked(sample)


@pytest.mark.interop
@_each([s for s in ALL if _is_compared(s)])
def test_tensorflow_gradient(sample: Sample, oracle: harness.Oracle) -> None:
    answer = oracle.answer(sample)
    if "no_gradient" in answer:
        if sample.numeric:
            return _check_by_finite_differences(sample)
        pytest.skip(f"TensorFlow has no gradient here: {answer['no_gradient'][:100]}")
    found = harness.gradients(sample, harness.tensors_of(sample))
    return harness.assert_gradients_close(found, answer["gradients"], sample, "gradient")


@_each([s for s in ALL if s.numeric and harness.is_gradient_checked(s) and (WITHOUT_TENSORFLOW or not _is_compared(s))])
def test_finite_differences(sample: Sample) -> None:
    _check_by_finite_differences(sample)


def _check_by_finite_differences(sample: Sample) -> None:
    flat = harness.widened(sample)
    if flat is None:
        pytest.skip(f"{sample.op} does not take float64")
    numeric, exact = harness.directional_derivatives(sample, flat)
    np.testing.assert_allclose(exact, numeric, rtol=1e-4, atol=1e-5)


class _Traced:
    """A sample inside a tf.function; static inputs stay constants there."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.flat = harness.tensors_of(sample)
        self.outputs = _arrays(harness.run(sample, self.flat))
        op = sample.definition
        counts = [len(value) for arg, value in zip(op.inputs, sample.inputs, strict=True) if arg.is_list]
        fixed = op.static_positions(counts) | op.known
        self.given = {i: t for i, t in enumerate(self.flat) if i not in fixed}

    def specs(self) -> list[tf.TensorSpec]:
        """What the function is traced for."""
        return [tf.TensorSpec([None] * len(t.shape) if self.sample.unknown else t.shape, t.dtype) for t in self.given.values()]

    def body(self, symbolic: list[Any]) -> tuple[list[Any], list[Any]]:
        """Outputs, and gradients where they are checked."""
        rest = iter(symbolic)
        whole = [next(rest) if i in self.given else tf.convert_to_tensor(t.numpy()) for i, t in enumerate(self.flat)]
        found = harness.gradient_tensors(self.sample, whole, self.outputs) if harness.is_gradient_checked(self.sample) else []
        return list(harness.run(self.sample, whole)), [tf.convert_to_tensor(g) for g in found if g is not None]

    def check(self, outputs: list[Any], gradients: list[Any]) -> None:
        """Compares with what the sample gives eagerly."""
        for index, (actual, wanted) in enumerate(zip(_arrays(outputs), self.outputs, strict=True)):
            harness.assert_close(actual, wanted, self.sample, f"output {index}")
        if harness.is_gradient_checked(self.sample):
            expected = [g for g in harness.gradients(self.sample, self.flat) if g is not None]
            harness.assert_gradients_close(_arrays(gradients), expected, self.sample, "gradient", factor=1.0)


def _together() -> list[Any]:
    """The samples of an op, up to six at a time: they are compiled as one function, which takes half the time."""
    groups: dict[str, list[Sample]] = {}
    for sample in ALL:
        if not harness.is_host_only(sample):
            groups.setdefault(sample.op, []).append(sample)
    return [pytest.param(group[i : i + 6], id=group[i].id) for group in groups.values() for i in range(0, len(group), 6)]


@pytest.mark.parametrize("samples", _together())
def test_function(samples: list[Sample]) -> None:
    traced = [_Traced(sample) for sample in samples]

    @tf.function(input_signature=[spec for one in traced for spec in one.specs()])
    def program(*symbolic: Any) -> Any:
        rest = iter(symbolic)
        return [one.body([next(rest) for _ in one.given]) for one in traced]

    given = [tensor for one in traced for tensor in one.given.values()]
    for one, (outputs, gradients) in zip(traced, program(*given), strict=True):
        one.check(outputs, gradients)


def _has_variants(definition: opdef.OpDef) -> bool:
    """True where arrays do not say what goes in or comes out; such ops are in tests/public/cases."""
    return any(arg.dtype is tf.variant for arg in (*definition.inputs, *definition.outputs))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_op_has_a_sample(family: str) -> None:
    sampled = {sample.op for sample in ALL}
    declared = {
        name
        for name, definition in opdef.registered().items()
        if definition.__module__.startswith(f"headrace.ops.{family}.")
        and not (definition.random or definition.has_resources or _has_variants(definition) or name == "Placeholder")
    }
    assert not sorted(declared - sampled)
