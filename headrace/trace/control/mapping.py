"""tf.map_fn, tf.scan, tf.foldl, tf.foldr and tf.vectorized_map: loops over the first dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core import nest
from headrace.core.spec import TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.trace.control.leaves import as_variable, stopped
from headrace.trace.control.looping import while_loop
from headrace.trace.control.rows import Rows, as_rows, results_of, row_count, signature_of
from headrace.trace.control.tensor_array import TensorArray


class _Elements:
    """Tensors in a structure, taken apart along their first dimension."""

    def __init__(self, what: str, elems: Any) -> None:
        self.tensors = nest.map_structure(as_rows, elems)
        flat = nest.flatten(self.tensors)
        if not flat:
            raise ValueError(f"elems of {what} must hold at least one tensor; got {elems!r}")
        for tensor in flat:
            if tensor.shape.rank == 0:
                raise ValueError(f"elems of {what} must have a first dimension to go over; got a scalar")
        sizes = {tensor.shape[0] for tensor in flat if tensor.shape.rank} - {None}
        if len(sizes) > 1:
            raise ValueError(f"elems of {what} must have one size in the first dimension; got {sorted(sizes)}")
        self.static = next(iter(sizes), None)
        self.count: Any = self.static if self.static is not None else row_count(flat[0])
        self.rows = [Rows(tensor, self.count) for tensor in flat]

    def at(self, index: Any) -> Any:
        """The elements at `index`, in the structure."""
        return nest.pack_sequence_as(self.tensors, [rows.at(index) for rows in self.rows])


def map_fn(
    fn: Callable[[Any], Any],
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """`fn` of each element of `elems` along the first dimension, stacked.

    Args:
        fn: takes an element in the structure of `elems`.
        elems: a tensor [n, ...], sparse and ragged ones included, or a structure of such tensors.
        dtype: the older name of `fn_output_signature`.
        parallel_iterations: kept for TensorFlow's signature.
        back_prop: False makes the result constant for gradients.
        swap_memory: kept for TensorFlow's signature.
        infer_shape: False when the results of `fn` differ in shape (then they cannot be stacked).
        name: for the node.
        fn_output_signature: dtypes or specs in the structure of the results, where it differs from that of `elems`. Results that
            differ in length make a ragged tensor if it is a RaggedTensorSpec.

    Raises:
        ValueError: elements or results do not fit.
    """
    elements = _Elements("tf.map_fn", elems)
    wanted = fn_output_signature if fn_output_signature is not None else dtype
    if wanted is None:
        wanted = nest.map_structure(signature_of, elements.tensors)
    results = [results_of(signature, elements.count, infer_shape) for signature in nest.flatten(wanted)]
    if elements.static == 0:
        return nest.pack_sequence_as(wanted, [item.nothing() for item in results])

    def step(index: Any, outputs: list[list[TensorArray]]) -> Any:
        result = fn(elements.at(index))
        nest.assert_same_structure(wanted, result, check_types=False)
        values = nest.flatten(result)
        return index + 1, [r.write(arrays, index, v) for r, arrays, v in zip(results, outputs, values, strict=True)]

    _, final = while_loop(lambda index, _: index < elements.count, step, (convert_to_tensor(0), [r.arrays for r in results]))
    whole = [r.whole(arrays) for r, arrays in zip(results, final, strict=True)]
    return nest.pack_sequence_as(wanted, whole if back_prop else [stopped(item) for item in whole])


def vectorized_map(fn: Callable[[Any], Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True) -> Any:
    """`fn` of each element of `elems` along the first dimension, stacked; the structure and dtypes are those that `fn` returns."""
    elements = _Elements("tf.vectorized_map", elems)
    first = nest.map_structure(convert_to_tensor, fn(elements.at(0)))
    signature = nest.map_structure(lambda t: TensorSpec(t.shape, t.dtype), first)
    return map_fn(fn, elems, fn_output_signature=signature)


def foldl(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """`fn(... fn(fn(initializer, e[0]), e[1]) ..., e[n-1])`; without an initializer it starts from e[0].

    Args:
        fn: takes the accumulator and an element; returns the accumulator.
        elems: a tensor [n, ...] or a structure of such tensors.
        initializer: the first accumulator.
        parallel_iterations: kept for TensorFlow's signature.
        back_prop: False makes the result constant for gradients.
        swap_memory: kept for TensorFlow's signature.
        name: for the node.
    """
    return _fold("tf.foldl", fn, elems, initializer, back_prop, reverse=False)


def foldr(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """Like `foldl`, from the last element to the first."""
    return _fold("tf.foldr", fn, elems, initializer, back_prop, reverse=True)


def _fold(what: str, fn: Any, elems: Any, initializer: Any, back_prop: bool, *, reverse: bool) -> Any:
    elements = _Elements(what, elems)
    start, done = _start(what, elements, initializer, reverse)

    def step(position: Any, state: Any) -> Any:
        index = elements.count - 1 - position if reverse else position
        result = fn(state, elements.at(index))
        nest.assert_same_structure(state, result, check_types=False)
        return position + 1, result

    if elements.static == 0:
        return start
    _, final = while_loop(lambda position, _: position < elements.count, step, (convert_to_tensor(done), start))
    return final if back_prop else nest.map_structure(stopped, final)


def _start(what: str, elements: _Elements, initializer: Any, reverse: bool) -> tuple[Any, int]:
    """The first accumulator, and how many elements it uses up."""
    if initializer is not None:
        return nest.map_structure(as_variable, initializer), 0
    if elements.static == 0:
        raise ValueError(f"{what} over no elements needs an initializer")
    return elements.at(elements.count - 1 if reverse else 0), 1


def scan(
    fn: Callable[[Any, Any], Any],
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """All accumulators of a fold, stacked: [n, ...].

    Args:
        fn: takes the accumulator and an element; returns the accumulator.
        elems: a tensor [n, ...] or a structure of such tensors.
        initializer: the first accumulator, which is not among the results; without it e[0] is, and is the first result.
        parallel_iterations: kept for TensorFlow's signature.
        back_prop: False makes the result constant for gradients.
        swap_memory: kept for TensorFlow's signature.
        infer_shape: takes the shape of the results from the accumulator.
        reverse: goes from the last element to the first; results stay at the places of their elements.
        name: for the node.
    """
    elements = _Elements("tf.scan", elems)
    start, done = _start("tf.scan", elements, initializer, reverse)
    flat = nest.flatten(start)
    arrays = [TensorArray(t.dtype, size=elements.count, element_shape=t.shape if infer_shape else None) for t in flat]
    if done:
        first = elements.count - 1 if reverse else 0
        arrays = [array.write(first, t) for array, t in zip(arrays, flat, strict=True)]

    def step(position: Any, state: Any, *outputs: TensorArray) -> Any:
        index = elements.count - 1 - position if reverse else position
        result = fn(state, elements.at(index))
        nest.assert_same_structure(state, result, check_types=False)
        written = [array.write(index, value) for array, value in zip(outputs, nest.flatten(result), strict=True)]
        return (position + 1, nest.pack_sequence_as(start, nest.flatten(result)), *written)

    final = while_loop(lambda position, *_: position < elements.count, step, (convert_to_tensor(done), start, *arrays))
    results = nest.pack_sequence_as(start, [array.stack() for array in final[2:]])
    return results if back_prop else nest.map_structure(stopped, results)
