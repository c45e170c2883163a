"""The guide programs of examples/guides, whose every result is compared."""

from __future__ import annotations

from typing import Any

from examples.guides import autograph, functions, gradients, ragged, random_numbers, sparse, variables
from tests.public.case import case


def tensors(tf: Any, results: dict[str, Any]) -> list[Any]:
    """All results, sparse and ragged ones taken apart."""
    flat: list[Any] = tf.nest.flatten(results, expand_composites=True)
    return flat


CASES = {
    "autograph": case(lambda tf: tensors(tf, autograph.guide(tf)), in_function=False),
    "functions": case(lambda tf: tensors(tf, functions.guide(tf)), in_function=False),
    "gradients": case(lambda tf: tensors(tf, gradients.guide(tf)), in_function=False),
    "random-numbers": case(lambda tf: tensors(tf, random_numbers.guide(tf)), in_function=False),
    "ragged": case(lambda tf: tensors(tf, ragged.guide(tf)), in_function=False),
    "sparse": case(lambda tf: tensors(tf, sparse.guide(tf)), in_function=False),
    "variables": case(lambda tf: tensors(tf, variables.guide(tf)), in_function=False),
}
