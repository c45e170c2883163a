"""Signatures: what `save` is given, as functions of named tensors that return a dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from headrace.core import nest
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.dispatch.tensor import EagerTensor, Tensor
from headrace.ir.graph import Graph, Value
from headrace.saved_model.graph_export import problem
from headrace.saved_model.objects import FunctionObject, SignatureMap, children_of
from headrace.trace.concrete import ConcreteFunction
from headrace.trace.function import Function

DEFAULT = "serving_default"
CHOSEN = "_default_save_signature"
"""The attribute by which an object, such as a Keras model, names its default signature."""
INIT_OP = "__saved_model_init_op"
RESERVED = frozenset({INIT_OP, "__saved_model_train_op"})
"""Keys of signatures that are no functions: they name operations."""


class SignatureFunction:
    """One signature: a graph that calls the user's function.

    Attributes:
        name: the signature's key.
        graph: its inputs are the named tensors in order of their names, then the captures.
        captured_inputs: what the function captures.
        inputs: specs by name, in order of the names; those of a composite argument's tensors.
        outputs: specs by name, in order of the names; composite tensors as such.
        output_names: a name for each output of the graph.
        defaults: what inputs are when a caller leaves them out, by name.
    """

    def __init__(self, name: str, concrete: ConcreteFunction, defaults: Mapping[str, Any] | None = None) -> None:
        """Wraps a concrete function; `defaults` are by the names of its inputs, and those of no input are left aside.

        Raises:
            InvalidArgumentError: an input has no name or one used twice, or the result is no tensor, flat sequence or flat
                dict of tensors.
            UnimplementedError: an op has no counterpart in TensorFlow.
        """
        self.name = name
        self.captured_inputs: list[Tensor] = list(concrete.captured_inputs)
        reason = problem(concrete.graph)
        if reason is not None:
            raise UnimplementedError(f"signature {name!r} cannot be saved: {reason}")
        body = concrete.graph
        names = _input_names(name, concrete)
        arguments = dict(zip(names, body.inputs, strict=False))
        if len(arguments) != len(names):
            raise InvalidArgumentError(f"signature {name!r} has two inputs of one name ({names}); rename a TensorSpec")
        self.inputs = {key: TensorSpec(v.shape, v.dtype, key) for key, v in sorted(arguments.items())}
        self.defaults = {key: np.asarray(value) for key, value in (defaults or {}).items() if key in self.inputs}
        flat = iter(body.outputs)
        results = {
            key: (spec, [next(flat) for _ in nest.flatten(spec, expand_composites=True)])
            for key, spec in _named_outputs(name, concrete.structured_outputs)
        }
        self.outputs = {
            key: TensorSpec(parts[0].shape, parts[0].dtype, key) if isinstance(spec, TensorSpec) else spec
            for key, (spec, parts) in sorted(results.items())
        }
        self.output_names = [f"{key}_{i}" if i else key for key in self.outputs for i in range(len(results[key][1]))]
        self.graph = self._wrapper(body, arguments, [value for key in self.outputs for value in results[key][1]])

    def _wrapper(self, body: Graph, arguments: Mapping[str, Value], results: Sequence[Value]) -> Graph:
        graph = Graph(f"signature_wrapper_{body.name}")
        copies = {arguments[key]: graph.add_input(spec.dtype, spec.shape, key) for key, spec in self.inputs.items()}
        for value in body.inputs[len(arguments) :]:
            copies[value] = graph.add_input(value.dtype, value.shape, value.name, element=value.element)
        outputs = [Value(v.dtype, v.shape) for v in body.outputs]
        graph.add_node("StatefulPartitionedCall", [copies[v] for v in body.inputs], {"f": body}, outputs)
        made = dict(zip(map(id, body.outputs), outputs, strict=True))
        graph.outputs = [made[id(value)] for value in results]
        return graph


def _input_names(signature: str, concrete: ConcreteFunction) -> list[str]:
    """A name for each tensor argument: its spec's; for a tensor of a composite argument that of the graph's input."""
    names: list[str] = []
    for spec in nest.flatten(concrete.structured_input_signature):
        if isinstance(spec, CompositeSpec):
            names += [value.name for value in concrete.graph.inputs[len(names) : len(names) + len(spec.component_specs)]]
        elif isinstance(spec, TensorSpec):
            if not spec.name:
                raise InvalidArgumentError(
                    f"signature {signature!r} has an input without a name, {spec}; give the TensorSpec a name"
                )
            names.append(spec.name)
    return names


def _named_outputs(signature: str, structure: Any) -> list[tuple[str, Any]]:
    """A name for each output: the keys of a dict, else output_0, output_1 and so on."""
    if isinstance(structure, Mapping):
        names, leaves = sorted(structure), [structure[key] for key in sorted(structure)]
    else:
        leaves = list(structure) if isinstance(structure, list | tuple) else [structure]
        names = [f"output_{i}" for i in range(len(leaves))]
    if not all(isinstance(leaf, TensorSpec | CompositeSpec) for leaf in leaves) or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError(
            f"the function of signature {signature!r} returns {structure!r}; expected a tensor, a list of tensors or a dict from"
            " strings to tensors"
        )
    return list(zip(names, leaves, strict=True))


def build(root: Any, signatures: Any) -> SignatureMap:
    """The signatures to save.

    Args:
        root: the object that is saved; looked at when `signatures` is None, where its only function becomes the default.
        signatures: a function, a dict from names to functions, or None.

    Raises:
        InvalidArgumentError: a value is no function, has no single set of argument types, or a name is reserved.
        UnimplementedError: an op has no counterpart in TensorFlow.
    """
    if signatures is None:
        only = _only_function(root)
        return SignatureMap({} if only is None else {DEFAULT: only})
    given = signatures if isinstance(signatures, Mapping) else {DEFAULT: signatures}
    built: dict[str, SignatureFunction] = {}
    for name, function in given.items():
        if not isinstance(name, str) or not name or name in RESERVED:
            raise InvalidArgumentError(f"{name!r} cannot name a signature; expected a string other than {sorted(RESERVED)}")
        concrete = _single(name, function)
        built[name] = SignatureFunction(name, concrete, _defaults(function, concrete))
    return SignatureMap(built)


def _single(name: str, function: Any) -> ConcreteFunction:
    if isinstance(function, ConcreteFunction):
        return function
    if not isinstance(function, Function | FunctionObject):
        raise InvalidArgumentError(
            f"signature {name!r} is a {type(function).__name__}; expected a tf.function or what its get_concrete_function returns"
        )
    found = concrete_functions(function)
    if len(found) != 1:
        raise InvalidArgumentError(
            f"signature {name!r} needs one set of argument types, but its function has {len(found)}; give the tf.function an"
            " input_signature, or pass get_concrete_function(...)"
        )
    return found[0]


def _defaults(function: Any, concrete: ConcreteFunction) -> dict[str, Any]:
    """The tensors that a function's last parameters have as defaults, by the names of the signature's inputs."""
    if isinstance(function, ConcreteFunction):
        return dict(getattr(function, "defaults", {}))  # a signature of a loaded model keeps its own
    if not isinstance(function, Function | FunctionObject):
        return {}
    parameters = function.function_spec.signature.parameters.values()
    given = nest.flatten([p.default for p in parameters if p.default is not p.empty])
    names = [spec.name for spec in concrete.specs]
    pairs = zip(names[len(names) - len(given) :], given, strict=True) if len(given) <= len(names) else ()
    return {str(name): value for name, value in pairs if isinstance(value, EagerTensor)}


def concrete_functions(function: Function | FunctionObject) -> Sequence[ConcreteFunction]:
    """What was traced; a function with an input signature is traced now when it was not yet."""
    return function._list_all_concrete_functions() if isinstance(function, Function) else function.traces()


def _only_function(root: Any) -> SignatureFunction | None:
    """The default signature when none was asked for: what the object names so, else its function if it has one that fits."""
    functions = {n: f for n, f in children_of(root).items() if isinstance(f, Function | FunctionObject | ConcreteFunction)}
    chosen = functions.get(CHOSEN) or (next(iter(functions.values())) if len(functions) == 1 else None)
    if chosen is None:
        return None
    try:
        return SignatureFunction(DEFAULT, _single(DEFAULT, chosen))
    except (InvalidArgumentError, UnimplementedError):
        return None
