"""A case: a few lines that take the framework as `tf`, and the arrays they work on. Known to the TensorFlow peer as well."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.ops.exchange import cotangent, is_differentiable


@dataclass(frozen=True)
class Case:
    """One call, or a few, of public functions.

    Attributes:
        run: called with the framework and the inputs as tensors; returns tensors in any structure.
        inputs: numpy arrays.
        gradient: compare the gradients for the floating inputs, too.
        in_function: run it as a tf.function, too.
        tolerance: relative and absolute.
    """

    run: Callable[..., Any]
    inputs: tuple[Any, ...] = ()
    gradient: bool = True
    in_function: bool = True
    tolerance: float = 1e-5


def case(run: Callable[..., Any], *inputs: Any, **options: Any) -> Case:
    """A Case, spelt shortly."""
    return Case(run, inputs, **options)


def load(module: str) -> Mapping[str, Case]:
    """The cases of one module of tests.public.cases."""
    found: Mapping[str, Case] = importlib.import_module(f"tests.public.cases.{module}").CASES
    return found


def evaluate(tf: Any, name: str, item: Case, *, in_function: bool = False) -> tuple[list[Any], list[Any]]:
    """Outputs as arrays, and the gradients for the floating inputs (None where nothing flows)."""
    tensors = [tf.constant(value) for value in item.inputs]
    sources = [t for t, value in zip(tensors, item.inputs, strict=True) if is_differentiable(value)] if item.gradient else []

    def program(*values: Any) -> Any:
        return item.run(tf, *values)

    program = tf.function(program) if in_function else program
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs = tf.nest.flatten(program(*tensors))
    arrays = [np.asarray(o.numpy()) for o in outputs]
    flowing = [i for i, a in enumerate(arrays) if is_differentiable(a)]
    if not sources or not flowing:
        return arrays, []
    seeds = [tf.constant(cotangent(arrays[i], name, i)) for i in flowing]
    found = tape.gradient([outputs[i] for i in flowing], sources, seeds)
    return arrays, [None if g is None else np.asarray(tf.convert_to_tensor(g).numpy()) for g in found]
