"""Functions of a loaded model: callable, differentiable, and able to be saved again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from headrace.core import nest
from headrace.core.errors import HeadraceError, InvalidArgumentError
from headrace.core.spec import CompositeSpec, TensorSpec
from headrace.dispatch.tensor import ResourceTensor, Tensor
from headrace.ir.graph import Graph
from headrace.proto.tensors import from_proto
from headrace.saved_model.main_graph import PREDICT_METHOD
from headrace.saved_model.objects import FunctionObject
from headrace.state.tracking import AutoTrackable
from headrace.state.variable import Variable
from headrace.trace.concrete import ConcreteFunction, checked_argument
from headrace.trace.control.restoring import restore
from headrace.trace.gradients import DifferentiableGraph
from headrace.trace.signature import FunctionSpec


class LoadedObject(AutoTrackable):
    """An object of a loaded model: its children are attributes. `signatures` is on the root."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function saved under the name `__call__`.

        Raises:
            TypeError: the object was saved without one.
        """
        function = vars(self).get("__call__")
        if function is None:
            raise TypeError("this loaded object was saved without a tf.function __call__; call one of its functions by name")
        return function(*args, **kwargs)

    def trackable_children(self) -> dict[str, Any]:
        """The attributes; a function named `__call__` makes the object callable wherever it is loaded."""
        function = vars(self).get("__call__")
        own = {"__call__": function} if isinstance(function, FunctionObject | ConcreteFunction) else {}
        return own | super().trackable_children()


class SignatureConcrete(ConcreteFunction):
    """A signature of a loaded model.

    Attributes:
        method_name: what its SignatureDef says it does.
        defaults: arrays by the names of inputs that may be left out.
    """

    method_name = PREDICT_METHOD
    defaults: Mapping[str, Any] = MappingProxyType({})

    def describe(self, signature: Any) -> None:
        """Takes over what a SignatureDef says besides inputs and outputs.

        Raises:
            InvalidArgumentError: a default fits no input.
        """
        specs = {str(spec.name): spec for spec in self.specs}
        found = {}
        for key, proto in signature.defaults.items():
            what = f"the default of {key!r} of signature {self.name!r}"
            value = from_proto(proto, what)
            spec = specs.get(key)
            if spec is None or value.dtype != spec.dtype.np_dtype or not spec.shape.is_compatible_with(value.shape):
                wanted = spec or f"one of the inputs {sorted(specs)}"
                raise InvalidArgumentError(f"{what} is {value.dtype}{list(value.shape)}; expected {wanted}")
            found[key] = value
        vars(self).update(method_name=signature.method_name, defaults=found)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the signature on tensors by name, or a single one by position; what is left out is its default.

        Raises:
            TypeError: an argument is missing or unknown.
            InvalidArgumentError: a tensor's dtype or shape does not fit.
        """
        given = {str(spec.name) for spec in self.specs[: len(args)]}
        missing = {key: value for key, value in self.defaults.items() if key not in kwargs and key not in given}
        return super().__call__(*args, **missing, **kwargs)


class UnavailableFunction(LoadedObject):
    """Stands for a function that cannot be built here; calling it says why."""

    def __init__(self, error: HeadraceError) -> None:
        self._headrace_error = error

    @property
    def reason(self) -> HeadraceError:
        """What calling it raises."""
        return self._headrace_error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raises the reason."""
        raise self._headrace_error


Kind = TypeVar("Kind", bound=ConcreteFunction)


def make_concrete(
    kind: type[Kind],
    graph: Graph,
    captured: Sequence[Tensor],
    input_signature: tuple[tuple[Any, ...], dict[str, Any]],
    output_signature: Any,
    variables: Mapping[int, Variable],
    name: str,
) -> Kind:
    """A ConcreteFunction of a loaded graph.

    Args:
        kind: the class to make.
        graph: the function, without calls.
        captured: values of its last inputs.
        input_signature: `(args, kwargs)`.
        output_signature: the structure of the result; of its leaves only None and the specs of composite tensors matter.
        variables: the model's variables by the identity of their storage.
        name: for people.
    """
    body = restore(graph)
    differentiable = DifferentiableGraph(graph, body.inputs, body.outputs, lambda: body.builder.log.records)
    used = [variables[id(t.array)] for t in captured if isinstance(t, ResourceTensor) and id(t.array) in variables]
    structure = nest.map_structure(lambda leaf: leaf if leaf is None or isinstance(leaf, CompositeSpec) else True, output_signature)
    return kind(graph, captured, input_signature, structure, used, differentiable, name)


class LazyConcrete:
    """A concrete function that is built when it is first needed, or the reason why it cannot be."""

    def __init__(self, name: str, build: Callable[[], ConcreteFunction]) -> None:
        self.name = name
        self._build = build
        self._built: ConcreteFunction | None = None
        self._error: HeadraceError | None = None

    def get(self) -> ConcreteFunction:
        """The function.

        Raises:
            HeadraceError: it cannot be built, for example because of an op that Headrace does not have.
        """
        if self._error is not None:
            raise self._error
        if self._built is None:
            try:
                self._built = self._build()
            except HeadraceError as error:
                self._error = error
                raise
        return self._built


class RestoredFunction(FunctionObject):
    """A tf.function of a loaded model: it has the traces that were saved and makes no new ones."""

    def __init__(self, name: str, spec: FunctionSpec, concretes: Sequence[LazyConcrete]) -> None:
        self.__name__ = name
        self.function_spec = spec
        self._concretes = list(concretes)

    @property
    def input_signature(self) -> Any:
        """The tuple of specs that the function was saved with, or None."""
        return self.function_spec.input_signature

    @property
    def concrete_functions(self) -> list[ConcreteFunction]:
        """As `traces`, by TensorFlow's name."""
        return self.traces()

    def traces(self) -> list[ConcreteFunction]:
        """The saved traces.

        Raises:
            HeadraceError: one of them cannot be built.
        """
        return [lazy.get() for lazy in self._concretes]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the trace that fits the arguments.

        Raises:
            InvalidArgumentError: no trace fits.
        """
        concrete, tensors = self._match(args, kwargs)
        return concrete.call_flat(tensors)

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The trace that fits the arguments, where a TensorSpec may stand for a tensor; the only one when none are given.

        Raises:
            InvalidArgumentError: no trace fits.
        """
        if not args and not kwargs and len(self._concretes) == 1:
            return self._concretes[0].get()
        return self._match(args, kwargs)[0]

    def _match(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[ConcreteFunction, list[Any]]:
        bound = self.function_spec.bind(args, kwargs)
        reasons = []
        for lazy in self._concretes:
            concrete = lazy.get()
            try:
                return concrete, _fit(concrete, bound)
            except (TypeError, ValueError) as error:
                reasons.append(f"  {concrete.pretty_printed_signature()}: {error}")
        listed = "\n".join(reasons) or "  (zero restored functions: it was never called before it was saved)"
        raise InvalidArgumentError(f"no saved trace of {self.__name__} fits the arguments {bound!r}; it has\n{listed}")

    def __repr__(self) -> str:
        return f"<RestoredFunction {self.__name__} with {len(self._concretes)} traces>"


def _fit(concrete: ConcreteFunction, arguments: Any) -> list[Any]:
    """The tensors (or specs that stand for them) of a call that fits a trace.

    Raises:
        TypeError, ValueError: it does not fit.
    """
    expected = concrete.structured_input_signature
    nest.assert_same_structure(expected, arguments, check_types=False)
    tensors: list[Any] = []
    for wanted, given in zip(nest.flatten(expected), nest.flatten(arguments), strict=True):
        if isinstance(wanted, CompositeSpec):
            if not (given.is_subtype_of(wanted) if isinstance(given, CompositeSpec) else wanted.is_compatible_with(given)):
                raise ValueError(f"the trace takes {wanted}, not {given!r}")
            tensors += nest.flatten(given, expand_composites=True)
        elif not isinstance(wanted, TensorSpec):
            if type(wanted) is not type(given) or wanted != given:
                raise ValueError(f"the trace was made for {wanted!r}, not {given!r}")
        elif isinstance(given, TensorSpec):
            if not given.is_subtype_of(wanted):
                raise ValueError(f"the trace takes {wanted}, not {given}")
            tensors.append(given)
        else:
            tensors.append(checked_argument(concrete.name, given, wanted))
    return tensors


def function_spec(name: str, argspec: Any, input_signature: Any, is_method: bool) -> FunctionSpec:
    """The parameters of a saved function.

    Args:
        name: of the function.
        argspec: the decoded FullArgSpec.
        input_signature: the decoded signature, or None.
        is_method: True when the first parameter is `self`.

    Raises:
        InvalidArgumentError: the parameters contradict each other.
    """
    try:
        args = list(argspec.args)[1 if is_method else 0 :]
        parameters = _parameters(args, argspec)
        signature = inspect.Signature(parameters)
        given = None if input_signature is None else tuple(input_signature)
        return FunctionSpec(_stub(name, signature), given)
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidArgumentError(f"the parameters of the saved function {name!r} are damaged: {error}") from None


def _parameters(args: list[str], argspec: Any) -> list[inspect.Parameter]:
    kinds = inspect.Parameter
    defaults = list(argspec.defaults or ())
    required = len(args) - len(defaults)
    found = [
        kinds(key, kinds.POSITIONAL_OR_KEYWORD, default=defaults[i - required] if i >= required else kinds.empty)
        for i, key in enumerate(args)
    ]
    if argspec.varargs:
        found.append(kinds(argspec.varargs, kinds.VAR_POSITIONAL))
    only = argspec.kwonlydefaults or {}
    found += [kinds(key, kinds.KEYWORD_ONLY, default=only.get(key, kinds.empty)) for key in argspec.kwonlyargs or ()]
    if argspec.varkw:
        found.append(kinds(argspec.varkw, kinds.VAR_KEYWORD))
    return found


def _stub(name: str, signature: inspect.Signature) -> Callable[..., Any]:
    def stub(*args: Any, **kwargs: Any) -> Any:
        raise InvalidArgumentError(f"{name} was loaded from a SavedModel and has no Python body")

    stub.__name__ = name
    stub.__signature__ = signature  # type: ignore[attr-defined]
    return stub
