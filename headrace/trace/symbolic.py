"""Questions about values and their specs, and gradients inside functions as TensorFlow 1 asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.autodiff.reverse import backward, by_source, zeros_like
from headrace.autodiff.tape import UnconnectedGradients, key_tensor, seeds_of
from headrace.core import nest
from headrace.core.spec import CompositeTensor, TensorSpec, TypeSpec
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import GraphTensor, Tensor
from headrace.ops.array.identity import stop_gradient
from headrace.trace.builder import GraphBuilder
from headrace.trace.signature import spec_for


def is_symbolic_tensor(tensor: Any) -> bool:
    """Whether it is a tensor, or made of tensors, of a graph under construction."""
    return any(isinstance(part, GraphTensor) for part in nest.flatten(tensor, expand_composites=True))


def type_spec_from_value(value: Any) -> TypeSpec:
    """The spec of a tensor, or of a value that converts to one.

    Raises:
        TypeError: it does not convert.
    """
    if not isinstance(value, Tensor | CompositeTensor | TensorSpec):
        try:
            value = convert_to_tensor(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"there is no TypeSpec for {value!r} of type {type(value).__name__}: {error}") from None
    spec = spec_for(value, "")
    return TensorSpec(spec.shape, spec.dtype) if isinstance(spec, TensorSpec) else spec


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE,
) -> list[Any]:
    """Derivatives of the sum of `ys` with respect to each of `xs`, inside a tf.function.

    Args:
        ys, xs: tensors of the function, or lists of them.
        grad_ys: gradients that flow into `ys`; ones by default.
        name, gate_gradients, aggregation_method: without effect.
        stop_gradients: tensors to be taken as constants.
        unconnected_gradients: NONE or ZERO.

    Raises:
        RuntimeError: called outside of a tf.function.
    """
    executor = context.state().executor
    if not isinstance(executor, GraphBuilder):
        raise RuntimeError("tf.gradients works inside a tf.function only; use tf.GradientTape")
    sources = [convert_to_tensor(x) if isinstance(x, Tensor) else x for x in nest.flatten(xs)]
    keys = [id(key_tensor(source)) for source in sources]
    stopped = {id(key_tensor(tensor)) for tensor in nest.flatten(stop_gradients or [])}
    records = [r for r in executor.log.records if not any(id(output) in stopped for output in r.outputs)]
    found = by_source(backward(records, seeds_of(ys, grad_ys), set(keys)), keys)
    if UnconnectedGradients(unconnected_gradients) is UnconnectedGradients.ZERO:
        return [zeros_like(s) if g is None else g for g, s in zip(found, sources, strict=True)]
    return list(found)


def hessians(ys: Any, xs: Any, gate_gradients: bool = False, aggregation_method: Any = None, name: str = "hessians") -> list[Any]:
    """The second derivatives of the sum of `ys`, inside a tf.function: of shape xs.shape + xs.shape for each of `xs`.

    Raises:
        RuntimeError: called outside of a tf.function.
        ValueError: the shape of one of `xs` is not fully known.
    """
    sources: Sequence[Any] = nest.flatten(xs)
    results = []
    for source, first in zip(sources, gradients(ys, xs), strict=True):
        if not source.shape.is_fully_defined():
            raise ValueError(f"tf.hessians needs tensors of known shape; got {source.shape}")
        flat = get("Reshape")(stop_gradient(source) if first is None else first, [-1])
        rows = [gradients(flat[i], source, unconnected_gradients="zero")[0] for i in range(source.shape.num_elements())]
        shape = [*source.shape.concrete(), *source.shape.concrete()]
        results.append(get("Reshape")(get("Pack")(rows), shape))
    return results
