"""Arguments of a traced function: bound to parameters, split into tensors and the rest, and turned into a cache key."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from headrace.core import nest
from headrace.core.dtypes import from_numpy
from headrace.core.shapes import TensorShape
from headrace.core.spec import CompositeSpec, CompositeTensor, TensorSpec, TypeSpec
from headrace.dispatch import context
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.tensor import EagerTensor, Tensor
from headrace.state.variable import Variable


class FunctionSpec:
    """The parameters of a Python function.

    Args:
        function: the function.
        input_signature: TensorSpecs that fix the tensor arguments, or None.

    Raises:
        TypeError: the signature has more entries than the function has parameters, or an entry is no spec.
    """

    def __init__(self, function: Callable[..., Any], input_signature: Sequence[Any] | None) -> None:
        self.function = function
        self.signature = inspect.signature(function)
        self.name = getattr(function, "__name__", type(function).__name__)
        parameters = self.signature.parameters.values()
        self._simple = all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
        self._count = len(parameters)
        self.input_signature = None if input_signature is None else tuple(input_signature)
        if self.input_signature is not None:
            self._check_signature()

    def _check_signature(self) -> None:
        assert self.input_signature is not None
        for leaf in nest.flatten(self.input_signature):
            if not isinstance(leaf, TypeSpec):
                raise TypeError(f"input_signature of {self.name} must hold tf.TensorSpec objects or their like; got {leaf!r}")
        if self._simple and len(self.input_signature) > self._count:
            raise TypeError(
                f"input_signature has {len(self.input_signature)} entries but {self.name} takes {self._count} arguments"
            )

    @property
    def is_complete(self) -> bool:
        """True when the input signature has an entry for each argument without a default, so that it alone decides on a trace."""
        if self.input_signature is None:
            return False
        named = [p for p in self.signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        return all(p.default is not p.empty for p in named[len(self.input_signature) :])

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments with defaults filled in; keyword arguments move to their positions.

        Raises:
            TypeError: the call does not fit the parameters.
        """
        if not kwargs and self._simple and len(args) == self._count:
            return args, kwargs
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}{self.signature}: {error}") from None
        bound.apply_defaults()
        return bound.args, bound.kwargs

    def argument_names(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
        """A name for every leaf of `(args, kwargs)`: the parameter's; the graph tells those of one parameter apart by numbers."""
        names: list[str] = []
        positional = [p.name for p in self.signature.parameters.values() if p.kind != p.KEYWORD_ONLY]
        for position, value in enumerate(args):
            stem = positional[min(position, len(positional) - 1)] if positional else f"arg{position}"
            names += [stem] * len(nest.flatten(value))
        for key in sorted(kwargs):
            names += [key] * len(nest.flatten(kwargs[key]))
        return names

    def full_args(self) -> tuple[list[str], str | None, str | None, list[Any], list[str], dict[str, Any]]:
        """`(args, varargs, varkw, defaults, kwonlyargs, kwonlydefaults)`, as `inspect.FullArgSpec` has them."""
        args, defaults, only, only_defaults = [], [], [], {}
        varargs = varkw = None
        for p in self.signature.parameters.values():
            if p.kind is p.VAR_POSITIONAL:
                varargs = p.name
            elif p.kind is p.VAR_KEYWORD:
                varkw = p.name
            elif p.kind is p.KEYWORD_ONLY:
                only.append(p.name)
                if p.default is not p.empty:
                    only_defaults[p.name] = p.default
            else:
                args.append(p.name)
                if p.default is not p.empty:
                    defaults.append(p.default)
        return args, varargs, varkw, defaults, only, only_defaults


def is_tensor_argument(value: Any) -> bool:
    """True for leaves that become inputs of the graph."""
    return isinstance(value, Tensor | np.ndarray | np.generic | CompositeTensor)


def flat_tensors(leaves: Sequence[Any]) -> list[Tensor]:
    """The tensors that the arguments bring as inputs of the graph."""
    tensors: list[Tensor] = []
    for leaf in leaves:
        if type(leaf) is EagerTensor:
            tensors.append(leaf)
        elif isinstance(leaf, CompositeTensor):
            tensors += [context.state().executor.adopt(part) for part in leaf.type_spec.components(leaf)]
        elif is_tensor_argument(leaf):
            tensors.append(convert_to_tensor(leaf))
    return tensors


def arguments_key(args: tuple[Any, ...], kwargs: Mapping[str, Any], keep: list[Any]) -> Any:
    """The `cache_key` of a call, made at once for tensors alone."""
    if not kwargs and all(type(a) is EagerTensor for a in args):
        return tuple, (tuple, *[(a.array.dtype, a.array.shape) for a in args]), (dict,)
    return cache_key((args, kwargs), keep)


def cache_key(structure: Any, keep: list[Any]) -> Any:
    """A hashable key under which a trace for these arguments may be used again.

    Tensors count by dtype and shape, variables and other unhashable objects by identity (they are added to `keep`, so
    that the identity stays theirs), everything else by value.
    """
    kind = type(structure)
    if kind is EagerTensor:
        array = structure.array
        return array.dtype, array.shape
    if isinstance(structure, Tensor):
        return structure.dtype, structure.shape
    if isinstance(structure, np.ndarray | np.generic):
        return from_numpy(structure.dtype).np_dtype, structure.shape
    if isinstance(structure, list | tuple):
        return (kind, *[cache_key(item, keep) for item in structure])
    if isinstance(structure, Mapping):
        return (kind, *[(key, cache_key(structure[key], keep)) for key in sorted(structure)])
    if isinstance(structure, TensorSpec):
        return structure.dtype.np_dtype, structure.shape.concrete() if structure.shape.is_fully_defined() else structure.shape
    if isinstance(structure, CompositeTensor):
        return structure.type_spec
    if isinstance(structure, CompositeSpec):
        return structure
    if isinstance(structure, Variable) or not _is_hashable(structure):
        keep.append(structure)
        return kind, id(structure)
    return kind, structure


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def spec_for(value: Any, name: str) -> TensorSpec | CompositeSpec:
    """The spec of a tensor argument, a numpy array, or a spec itself."""
    if isinstance(value, CompositeTensor | CompositeSpec):
        return value if isinstance(value, CompositeSpec) else value.type_spec
    if isinstance(value, TensorSpec):
        return TensorSpec(value.shape, value.dtype, value.name or name)
    if isinstance(value, Tensor):
        return TensorSpec(value.shape, value.dtype, name)
    return TensorSpec(TensorShape(value.shape), from_numpy(value.dtype), name)


def apply_signature(spec: FunctionSpec, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments as tensors that fit the input signature.

    Raises:
        TypeError: their number or structure differs.
        ValueError: a dtype or shape does not fit.
    """
    assert spec.input_signature is not None
    count = len(spec.input_signature)
    extra = args[count:]
    if len(args) < count:
        raise TypeError(f"{spec.name} needs the {count} arguments of its input_signature {spec.input_signature}; got {len(args)}")
    try:
        fitted = nest.map_structure_up_to(spec.input_signature, functools.partial(_fitted, spec.name), args[:count])
    except ValueError as error:
        raise TypeError(f"the arguments of {spec.name} do not have the structure of its input_signature: {error}") from None
    return (*fitted, *extra), kwargs


def _fitted(function: str, spec: TensorSpec | CompositeSpec, value: Any) -> Any:
    if isinstance(spec, CompositeSpec):
        if not isinstance(value, CompositeTensor | CompositeSpec) or not spec.is_compatible_with(value):
            given = value.type_spec if isinstance(value, CompositeTensor) else value
            raise TypeError(f"an argument of {function} does not fit its input_signature: expected {spec}, got {given!r}")
        return value
    try:
        tensor = convert_to_tensor(value) if isinstance(value, Tensor | Variable) else convert_to_tensor(value, spec.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"an argument of {function} does not fit {spec}: {error}") from None
    if not spec.is_compatible_with(tensor):
        raise TypeError(
            f"an argument of {function} has dtype {tensor.dtype.name} and shape {tensor.shape}; its input_signature asks for dtype"
            f" {spec.dtype.name} and shape {spec.shape}; cast or reshape it"
        )
    return tensor
