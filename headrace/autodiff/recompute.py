"""tf.recompute_grad: values of the forward pass computed again in the backward pass, to save memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headrace.autodiff.tape import GradientTape, with_gradient
from headrace.core import nest
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import Tensor


def recompute_grad(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function like `f` whose inner values are not kept for its gradient, but computed again from its arguments.

    The recomputation begins when the gradient arrives, so that the memory of the forward pass is free by then. Random ops in
    `f` must be stateless: others draw new numbers the second time.

    Args:
        f: takes tensors (in any structure) and other Python values; returns tensors. It may read variables.
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves = nest.flatten((args, kwargs))
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor | np.ndarray)]

        def call(tensors: Sequence[Any]) -> Any:
            filled = list(leaves)
            for place, tensor in zip(places, tensors, strict=True):
                filled[place] = tensor
            positional, named = nest.pack_sequence_as((args, kwargs), filled)
            return f(*positional, **named)

        def forward(*tensors: Tensor) -> Any:
            return call(tensors), lambda *upstream, variables=(): _recomputed(call, tensors, upstream, variables)

        return with_gradient(forward, transparent=False)(*(leaves[i] for i in places))

    return wrapped


def _recomputed(call: Callable[..., Any], tensors: Sequence[Tensor], upstream: Sequence[Tensor], variables: Sequence[Any]) -> Any:
    """The gradients for the tensors, and with variables for those too."""
    # One barrier for arguments and gradients: nothing of the forward pass is shared, and nothing begins early.
    places = [i for i, tensor in enumerate(tensors) if tensor.dtype.is_differentiable]
    held = get("XlaOptimizationBarrier").all([*(tensors[i] for i in places), *upstream])
    arguments, seeds = list(tensors), list(held[len(places) :])
    for place, tensor in zip(places, held, strict=False):
        arguments[place] = tensor
    with GradientTape() as tape:
        tape.watch([arguments[i] for i in places])
        outputs = nest.flatten(call(arguments))
    found = tape.gradient(outputs, [*arguments, *variables], seeds)
    return (found[: len(tensors)], found[len(tensors) :]) if variables else found
