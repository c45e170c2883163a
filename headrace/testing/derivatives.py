"""tf.test.compute_gradient: a Jacobian by the tape and by finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from headrace.autodiff.tape import GradientTape
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import Tensor

Matrix = np.ndarray[Any, Any]


def compute_gradient(f: Callable[..., Any], x: Sequence[Any], delta: float | None = None) -> tuple[tuple[Matrix, ...], ...]:
    """The Jacobians of a function, as the tape gives them and as differences do.

    Args:
        f: takes as many tensors as `x` has and returns one.
        x: the floating values at which to look.
        delta: half the width of the differences; by default a power of two near 1/1024.

    Returns:
        Two tuples of matrices, one for each of `x`, of shape [elements of f(*x), elements of x].

    Raises:
        ValueError: `x` is no list or tuple.
        TypeError: one of `x` is not of a floating or complex dtype.
    """
    if not isinstance(x, list | tuple):
        raise ValueError(f"x must be a list or tuple of values, one an argument of f; got {type(x).__name__}")
    values = [convert_to_tensor(value) for value in x]
    for value in values:
        if not (value.dtype.is_floating or value.dtype.is_complex):
            raise TypeError(f"gradients are those of floating or complex values; got {value.dtype.name}")
    step = 1.0 / 1024 if delta is None else float(delta)
    places = range(len(values))
    return tuple(_by_tape(f, values, i) for i in places), tuple(_by_differences(f, values, i, step) for i in places)


def _parts(array: Matrix) -> Matrix:
    """The numbers of an array in one row; of complex numbers real and imaginary part, one after the other."""
    flat = np.asarray(array).reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def _numbers(size: int, dtype: np.dtype[Any]) -> int:
    return size * (2 if dtype.kind == "c" else 1)


def _by_tape(f: Callable[..., Any], values: list[Tensor], place: int) -> Matrix:
    source = values[place]
    with GradientTape(persistent=True) as tape:
        tape.watch(source)
        result = convert_to_tensor(f(*values))
    shape, dtype = result.numpy().shape, result.numpy().dtype  # type: ignore[attr-defined]
    inputs = source.numpy()  # type: ignore[attr-defined]
    count = _numbers(int(np.prod(shape)), dtype)
    jacobian = np.zeros((count, _numbers(inputs.size, inputs.dtype)), inputs.real.dtype)
    for row in range(count):
        seed = np.zeros(count, np.zeros(0, dtype).real.dtype)
        seed[row] = 1
        gradient = tape.gradient(result, source, convert_to_tensor(seed.view(dtype).reshape(shape)))
        if gradient is not None:
            jacobian[row] = _parts(convert_to_tensor(gradient).numpy())  # type: ignore[attr-defined]
    return jacobian


def _by_differences(f: Callable[..., Any], values: list[Tensor], place: int, step: float) -> Matrix:
    start = values[place].numpy()  # type: ignore[attr-defined]
    columns = []
    for column in range(_numbers(start.size, start.dtype)):
        found = []
        for sign in (1, -1):
            moved = _parts(start.copy()).copy()
            moved[column] += sign * step
            changed = convert_to_tensor(moved.view(start.dtype).reshape(start.shape))
            result = convert_to_tensor(f(*values[:place], changed, *values[place + 1 :]))
            found.append(_parts(result.numpy()))  # type: ignore[attr-defined]
        columns.append((found[0] - found[1]) / (2 * step))
    rows = len(_parts(convert_to_tensor(f(*values)).numpy()))  # type: ignore[attr-defined]
    return np.stack(columns, axis=1).astype(start.real.dtype) if columns else np.zeros((rows, 0), start.real.dtype)
