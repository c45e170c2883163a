"""Every sample of every op: against a numpy reference, real TensorFlow, finite differences and tf.function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as tf
from headrace.dispatch import opdef
from tests.ops import harness
from tests.ops.harness import Sample

FAMILIES = harness.collect()
ALL = [sample for samples in FAMILIES.values() for sample in samples]


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


@pytest.mark.interop
@_each([s for s in ALL if s.oracle and s.oracle_gradient and harness.is_gradient_checked(s)])
def test_tensorflow_gradient(sample: Sample, oracle: harness.Oracle) -> None:
    answer = oracle.answer(sample)
    if "no_gradient" in answer:
        pytest.skip(f"TensorFlow has no gradient here: {answer['no_gradient'][:100]}")
    found = harness.gradients(sample, harness.tensors_of(sample))
    harness.assert_gradients_close(found, answer["gradients"], sample, "gradient")


@_each([s for s in ALL if s.numeric and harness.is_gradient_checked(s)])
def test_finite_differences(sample: Sample) -> None:
    flat = harness.widened(sample)
    if flat is None:
        pytest.skip(f"{sample.op} does not take float64")
    numeric, exact = harness.directional_derivatives(sample, flat)
    np.testing.assert_allclose(exact, numeric, rtol=1e-4, atol=1e-5)


def _traced(sample: Sample, flat: list[Any]) -> tuple[list[Any], list[Any]]:
    """Outputs and gradients of the sample inside a tf.function; static inputs stay constants."""
    op = sample.definition
    counts = [len(value) for arg, value in zip(op.inputs, sample.inputs, strict=True) if arg.is_list]
    fixed = op.static_positions(counts) | op.known
    given = [t for i, t in enumerate(flat) if i not in fixed]
    outputs = _arrays(harness.run(sample, flat))
    with_gradients = harness.is_gradient_checked(sample)

    def body(*symbolic: Any) -> Any:
        rest = iter(symbolic)
        whole = [tf.convert_to_tensor(t.numpy()) if i in fixed else next(rest) for i, t in enumerate(flat)]
        found = harness.gradient_tensors(sample, whole, outputs) if with_gradients else []
        return [*harness.run(sample, whole), *(tf.convert_to_tensor(g) for g in found if g is not None)]

    specs = [tf.TensorSpec([None] * len(t.shape) if sample.unknown else t.shape, t.dtype) for t in given]
    results = _arrays(tf.function(body, input_signature=specs)(*given))
    return results[: len(outputs)], results[len(outputs) :]


@_each([s for s in ALL if not harness.is_host_only(s)])
def test_function(sample: Sample) -> None:
    flat = harness.tensors_of(sample)
    outputs, gradients = _traced(sample, flat)
    for index, (actual, wanted) in enumerate(zip(outputs, harness.run(sample, flat), strict=True)):
        harness.assert_close(actual, wanted.numpy(), sample, f"output {index}")
    if harness.is_gradient_checked(sample):
        expected = [g for g in harness.gradients(sample, flat) if g is not None]
        harness.assert_gradients_close(gradients, expected, sample, "gradient", factor=1.0)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_op_has_a_sample(family: str) -> None:
    sampled = {sample.op for sample in ALL}
    declared = {
        name
        for name, definition in opdef.registered().items()
        if definition.__module__.startswith(f"headrace.ops.{family}.")
        and not (definition.random or definition.has_resources or name == "Placeholder")
    }
    assert not sorted(declared - sampled)
