"""OpDef: everything about an op in one declaration, and `@op`, which reads it off a kernel.

    @op("Softplus", "features: T -> activations: T", T=FLOATING)
    def softplus(features):
        "log(exp(features) + 1), elementwise."
        return jnp.logaddexp(features, 0)

The spec string lists inputs and outputs as `name: TYPE`, where TYPE is a dtype (`int32`), a type attribute (`T`), a list
of N equal types (`N*T`) or a list of any types (`Tin[]`). Keyword-only parameters of the kernel are the op's
attributes: the annotation gives the kind, the default the default. The name the kernel is bound to becomes the OpDef.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import CompositeArgument, InvalidArgumentError, NotFoundError
from headrace.core.shapes import TensorShape, as_shape
from headrace.dispatch import context

if TYPE_CHECKING:
    from headrace.dispatch.tensor import Tensor

Kernel = Callable[..., Any]
Ints = tuple[int, ...]
Floats = tuple[float, ...]
Strs = tuple[str, ...]
DTypes = tuple[DType, ...]
Shapes = tuple[TensorShape, ...]


class Required:
    """The default of an attribute that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = Required()


class Arg(NamedTuple):
    """A declared input or output: `dtype` when fixed, else the attributes that give type, count or list of types."""

    name: str
    dtype: DType | None = None
    type_attr: str = ""
    number_attr: str = ""
    type_list_attr: str = ""

    @property
    def is_list(self) -> bool:
        """True when the argument stands for several tensors."""
        return bool(self.number_attr or self.type_list_attr)


class AttrDef(NamedTuple):
    """A declared attribute. `kind` is TensorFlow's: type, int, float, bool, string, shape, tensor, func, list(...)."""

    name: str
    kind: str
    default: Any = REQUIRED
    allowed: tuple[DType, ...] | None = None
    implied: bool = False
    """True when the inputs decide it (a type or a count), so that callers never pass it."""


class Attrs(dict[str, Any]):
    """The explicit attributes of one call, complete and canonical; `key` makes them hashable."""

    __slots__ = ("key",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        super().__init__(items)
        self.key: Any = tuple(_hashable(value) for value in self.values())


def _hashable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes() if value.dtype.kind != "O" else tuple(value.ravel().tolist())
    return value


NO_ATTRS = Attrs({})


class _CallSignature:
    """`__signature__` of ops, for help and for libraries that look; made when asked for, and not there on the class."""

    def __get__(self, op: OpDef | None, owner: type) -> inspect.Signature:
        if op is None:
            raise AttributeError("__signature__")
        place = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters = [inspect.Parameter(arg.name, place) for arg in op.inputs]
        for attr in sorted(op.explicit, key=lambda attr: attr.default is not REQUIRED):
            default = inspect.Parameter.empty if attr.default is REQUIRED else attr.default
            parameters.append(inspect.Parameter(attr.name, place, default=default))
        return inspect.Signature([*parameters, inspect.Parameter("name", place, default=None)])


class OpDef:
    """One operation.

    Attributes:
        name: TensorFlow's raw op name.
        inputs, outputs: declared arguments in order.
        attrs: every attribute by name, implied ones included.
        kernel: a function of JAX arrays (positional, one an input; a tuple for a list input) and attributes (keywords).
            A resource input arrives as the variable's present array; `updates` names those that the kernel returns anew,
            before its outputs.
        static: positions of declared inputs that the kernel needs as numpy values at compile time.
        known: positions of inputs that the kernel takes as numpy values where they are known and as JAX arrays elsewhere
            (the indices of a slice). The shape rule gets their value, or None.
        eager: runs on arrays at hand without compiling for each value of the static inputs; may return NotImplemented.
        host: a numpy version of the kernel, for shape arithmetic and for values that live on the host.
        metadata: the outputs depend on the input's shape and dtype alone (`Shape`, `Rank`).
        shape: overrides shape inference: takes the inputs' shapes (a static input's value instead) and attributes, and
            returns one shape an output (a list of several); unknown dimensions are already replaced by trial sizes. None
            stands for a dimension, or a whole shape, that depends on data.
        unsized: what is known of the outputs where a static input is not (see dispatch/unsized.py).
        stateful: must run in order and exactly once, even if its outputs are unused.
        random: the kernel takes a random key (uint32[2]) before its inputs.
        host_only: the kernel works on numpy arrays (strings, data-dependent shapes) and is never compiled.
        gradient: the explicit rule `(record, *output_gradients) -> one gradient an input`; None means the kernel's VJP.
        differentiable: False stops gradients.
        exportable: False when TensorFlow has no op of this name.
        on_lists: the kernel calls methods of TensorLists, which have a form for compiled code and one for the host.
        makes_handles: the outputs hold no array: they are lists or handles.
        accepted: combinations of input dtypes already checked against the declaration (see dispatch/convert.py).
        quantized: it names quantized dtypes as admitted, which the arrays alone do not tell from plain integers.
    """

    __signature__ = _CallSignature()

    def __init__(
        self,
        name: str,
        inputs: tuple[Arg, ...],
        outputs: tuple[Arg, ...],
        attrs: Mapping[str, AttrDef],
        kernel: Kernel,
        *,
        static: Iterable[str] = (),
        known: Iterable[str] = (),
        eager: Kernel | None = None,
        host: Kernel | None = None,
        metadata: bool = False,
        shape: Kernel | None = None,
        unsized: Callable[..., Any] | None = None,
        stateful: bool = False,
        random: bool = False,
        host_only: bool = False,
        updates: Sequence[str] = (),
        differentiable: bool = True,
        exportable: bool = True,
    ) -> None:
        self.name, self.inputs, self.outputs, self.attrs = name, inputs, outputs, dict(attrs)
        self.kernel = kernel
        names = [arg.name for arg in inputs]
        self.static = frozenset(names.index(s) for s in static)
        self.known = frozenset(names.index(k) for k in known)
        self.eager = eager
        self.updates = tuple(names.index(u) for u in updates)
        self.host = host
        self.metadata = metadata
        self.shape = shape
        self.unsized = unsized
        self.random = random
        self.host_only = host_only
        self.stateful = stateful or random or bool(updates)
        self.differentiable = differentiable
        self.exportable = exportable
        self.gradient_rule: Callable[..., Any] | None = None
        self.input_names = tuple(names)
        self.explicit = tuple(a for a in self.attrs.values() if not a.implied)
        self.has_lists = any(arg.is_list for arg in inputs)
        self.has_resources = any(arg.dtype is dtypes.resource for arg in inputs)
        self.on_lists = any(arg.dtype is dtypes.variant for arg in (*inputs, *outputs))
        self.makes_handles = self.on_lists or any(arg.dtype is dtypes.resource for arg in outputs)
        self.defaults = _default_attrs(self.explicit)
        self.accepted: set[Any] = set()
        self._canonical_calls: dict[Any, Attrs] = {}
        self.compiled: dict[Any, Any] = {}
        """Kernels compiled for one set of attributes and static inputs (see runtime/eager.py)."""
        self.quantized = any(dtype.is_quantized for attr in self.attrs.values() for dtype in attr.allowed or ())
        special = self.quantized or self.has_lists or self.has_resources or self.on_lists or self.static or self.known
        plain = not (special or eager or metadata or host_only or random)
        self.fast: dict[Any, Any] | None = {} if plain else None
        """Compiled kernels by attributes and input dtypes, for ops that need nothing but a call of their kernel."""
        self.__doc__ = inspect.getdoc(kernel)
        self.__name__ = getattr(kernel, "__name__", name)
        self.__module__ = getattr(kernel, "__module__", __name__)

    def __call__(self, *args: Any, name: str | None = None, **kwargs: Any) -> Tensor:
        """Runs an op of one output."""
        if len(args) != len(self.inputs):
            args, attrs = self.split_arguments(args, kwargs)
        elif kwargs or self.defaults is None:
            attrs = self._canonical_again(kwargs)
        else:
            attrs = self.defaults
        try:
            return context.state().executor.run(self, args, attrs, name)[0]
        except CompositeArgument as found:
            return self._run_on_composite(found, args, attrs, name)[0]

    def _canonical_again(self, kwargs: Mapping[str, Any]) -> Attrs:
        """`canonical`, remembered for keyword arguments that can be hashed."""
        key = tuple(kwargs.items())
        try:
            found = self._canonical_calls.get(key)
        except TypeError:
            return self.canonical(kwargs)
        if found is None:
            found = self.canonical(kwargs)
            if len(self._canonical_calls) < 4096:
                self._canonical_calls[key] = found
        return found

    def all(self, *args: Any, name: str | None = None, **kwargs: Any) -> tuple[Tensor, ...]:
        """Runs an op of any number of outputs; a list output is flattened into the tuple."""
        if len(args) == len(self.inputs):
            attrs = self._canonical_again(kwargs)
        else:
            args, attrs = self.split_arguments(args, kwargs)
        return self.run(args, attrs, name)

    def run(self, args: Sequence[Any], attrs: Attrs, name: str | None = None) -> tuple[Tensor, ...]:
        """Runs the op on arguments that are split already."""
        try:
            return context.state().executor.run(self, args, attrs, name)
        except CompositeArgument as found:
            return self._run_on_composite(found, args, attrs, name)

    def _run_on_composite(
        self, found: CompositeArgument, args: Sequence[Any], attrs: Attrs, name: str | None
    ) -> tuple[Tensor, ...]:
        """Runs the op on a sparse or ragged tensor, as its class sees to it."""
        outputs: tuple[Tensor, ...] | None = found.value.run_op(self, args, attrs, name)  # type: ignore[attr-defined]
        if outputs is None:
            raise found
        return outputs

    def split_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], Attrs]:
        """Sorts a call's arguments into inputs (by position or name, then positional attributes) and attributes.

        Raises:
            TypeError: an argument is missing, unknown or given twice.
        """
        count = len(self.inputs)
        given = dict(kwargs)
        for attr, value in zip(self.explicit, args[count:], strict=False):
            if attr.name in given:
                raise TypeError(f"{self.name} got {attr.name!r} twice: by position and by name")
            given[attr.name] = value
        inputs = list(args[:count])
        for name in self.input_names[len(inputs) :]:
            if name not in given:
                raise TypeError(f"{self.name} is missing its input {name!r}; it takes {', '.join(self.input_names)}")
            inputs.append(given.pop(name))
        if len(args) > count + len(self.explicit):
            raise TypeError(
                f"{self.name} takes {count} inputs and {len(self.explicit)} attributes but {len(args)} values were given"
            )
        return tuple(inputs), self.canonical(given)

    def canonical(self, given: Mapping[str, Any]) -> Attrs:
        """Complete attributes from those given: defaults filled in, every value in its canonical type.

        Raises:
            TypeError: an attribute is unknown or missing.
            InvalidArgumentError: a value does not fit its kind.
        """
        items = {}
        for attr in self.explicit:
            value = given.get(attr.name, attr.default)
            if value is REQUIRED:
                raise TypeError(f"{self.name} is missing its attribute {attr.name!r} ({attr.kind})")
            items[attr.name] = self._canonical_value(attr, value)
        if len(given) > len(items) or not given.keys() <= items.keys():
            implied = {a.name for a in self.attrs.values() if a.implied}
            unknown = sorted(given.keys() - items.keys() - implied)
            if unknown:
                raise TypeError(f"{self.name} has no argument {', '.join(map(repr, unknown))}; it takes {self.signature()}")
        return Attrs(items)

    def _canonical_value(self, attr: AttrDef, value: Any) -> Any:
        try:
            return _CANONICAL[attr.kind](value)
        except (TypeError, ValueError) as error:
            raise InvalidArgumentError(
                f"attribute {attr.name!r} of {self.name} must be {attr.kind}; got {value!r} ({error})", op=self.name
            ) from None

    def signature(self) -> str:
        """Inputs and attributes as one line for messages."""
        parts = [f"{a.name}: {_type_text(a)}" for a in self.inputs]
        parts += [f"{a.name}: {a.kind}" + ("" if a.default is REQUIRED else f" = {a.default!r}") for a in self.explicit]
        return f"{self.name}({', '.join(parts)})"

    def gradient(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: declares the op's gradient in terms of public ops."""
        self.gradient_rule = rule
        return rule

    def flatten(self, args: Sequence[Any]) -> list[Any]:
        """One entry a tensor: list inputs are spread out."""
        flat: list[Any] = []
        for arg, value in zip(self.inputs, args, strict=True):
            if arg.is_list:
                flat.extend(value)
            else:
                flat.append(value)
        return flat

    def group(self, flat: Sequence[Any], attrs: Mapping[str, Any]) -> list[Any]:
        """The inverse of `flatten`, with counts from complete attributes: a tuple for each list input."""
        if not self.has_lists:
            return list(flat)
        return _group(self.inputs, flat, attrs)

    def static_positions(self, counts: Sequence[int]) -> frozenset[int]:
        """Positions of the static inputs among the flat tensors; `counts` has the length of each list input."""
        if not self.has_lists or not self.static:
            return self.static
        lengths = iter(counts)
        positions: set[int] = set()
        start = 0
        for index, arg in enumerate(self.inputs):
            length = next(lengths) if arg.is_list else 1
            if index in self.static:
                positions.update(range(start, start + length))
            start += length
        return frozenset(positions)

    def list_lengths(self, attrs: Mapping[str, Any]) -> list[int]:
        """The length of each list input, from complete attributes."""
        return [attrs[a.number_attr] if a.number_attr else len(attrs[a.type_list_attr]) for a in self.inputs if a.is_list]

    def group_outputs(self, flat: Sequence[Any], attrs: Mapping[str, Any]) -> list[Any]:
        """Outputs one entry an argument: a tuple for each list output."""
        return _group(self.outputs, flat, attrs)

    def flat_args(self, args: Sequence[Arg], attrs: Mapping[str, Any]) -> list[tuple[Arg, DType]]:
        """The argument and dtype of each tensor of `args` (the op's inputs or outputs), from complete attributes."""
        flat: list[tuple[Arg, DType]] = []
        for arg in args:
            if arg.type_list_attr:
                flat.extend((arg, dtype) for dtype in attrs[arg.type_list_attr])
            else:
                dtype = arg.dtype or attrs[arg.type_attr]
                flat.extend([(arg, dtype)] * (attrs[arg.number_attr] if arg.number_attr else 1))
        return flat

    def kernel_attrs(self, attrs: Mapping[str, Any]) -> Attrs:
        """The explicit attributes out of complete ones."""
        return Attrs({a.name: attrs[a.name] for a in self.explicit})

    def __repr__(self) -> str:
        return f"<Op {self.signature()}>"


def _group(args: Sequence[Arg], flat: Sequence[Any], attrs: Mapping[str, Any]) -> list[Any]:
    grouped: list[Any] = []
    position = 0
    for arg in args:
        if arg.is_list:
            count = attrs[arg.number_attr] if arg.number_attr else len(attrs[arg.type_list_attr])
            grouped.append(tuple(flat[position : position + count]))
            position += count
        else:
            grouped.append(flat[position])
            position += 1
    return grouped


def _default_attrs(explicit: Sequence[AttrDef]) -> Attrs | None:
    if any(a.default is REQUIRED for a in explicit):
        return None
    return Attrs({a.name: _CANONICAL[a.kind](a.default) for a in explicit}) if explicit else NO_ATTRS


def _type_text(arg: Arg) -> str:
    if arg.type_list_attr:
        return f"{arg.type_list_attr}[]"
    return (f"{arg.number_attr}*" if arg.number_attr else "") + (arg.dtype.name if arg.dtype else arg.type_attr)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError("not an integer")
    return int(value)


def _string(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _tuple_of(convert: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, ...]]:
    def convert_all(value: Any) -> tuple[Any, ...]:
        return tuple(convert(item) for item in value)

    return convert_all


_CANONICAL: dict[str, Callable[[Any], Any]] = {
    "type": dtypes.as_dtype,
    "int": _integer,
    "float": float,
    "bool": bool,
    "string": _string,
    "shape": as_shape,
    "tensor": np.asarray,
    "func": lambda value: value,
}
_CANONICAL |= {f"list({kind})": _tuple_of(convert) for kind, convert in list(_CANONICAL.items())}

_KINDS = {
    "DType": "type",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "string",
    "TensorShape": "shape",
    "np.ndarray": "tensor",
    "Graph": "func",
    "Ints": "list(int)",
    "Floats": "list(float)",
    "Strs": "list(string)",
    "DTypes": "list(type)",
    "Shapes": "list(shape)",
    "Graphs": "list(func)",
}

_REGISTRY: dict[str, OpDef] = {}
_DERIVATIONS: dict[str, Callable[[str], OpDef]] = {}


def get(name: str) -> OpDef:
    """The op of that name.

    Raises:
        NotFoundError: no op of that name is declared.
    """
    found = _REGISTRY.get(name) or find(name)
    if found is None:
        raise NotFoundError(f"no op named {name!r} is declared; docs/ops.md lists the ops that are")
    return found


def find(name: str) -> OpDef | None:
    """The op of that name, or None. Names with a derivation's prefix are derived on first use."""
    found = _REGISTRY.get(name)
    if found is None:
        for prefix, derive in _DERIVATIONS.items():
            if name.startswith(prefix):
                return derive(name.removeprefix(prefix))
    return found


def register_derivation(prefix: str, derive: Callable[[str], OpDef]) -> None:
    """Lets names that begin with `prefix` stand for ops that `derive` makes of the rest of the name and registers."""
    _DERIVATIONS[prefix] = derive


def registered() -> dict[str, OpDef]:
    """Every declared op by name."""
    return dict(_REGISTRY)


def register(definition: OpDef) -> OpDef:
    """Adds an op to the registry.

    Raises:
        ValueError: the name is taken.
    """
    if definition.name in _REGISTRY:
        raise ValueError(f"op {definition.name!r} is declared twice")
    _REGISTRY[definition.name] = definition
    return definition


def parse_args(text: str) -> tuple[Arg, ...]:
    """Reads one side of a spec string, such as `"values: N*T, axis: Tidx"`."""
    args = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, type_text = (piece.strip() for piece in part.partition(":"))
        if not type_text:
            raise ValueError(f"{part!r} is no argument; expected `name: TYPE`")
        if type_text.endswith("[]"):
            args.append(Arg(name, type_list_attr=type_text[:-2]))
            continue
        number, _, element = type_text.rpartition("*")
        fixed = dtypes._BY_NAME.get(element)
        args.append(Arg(name, fixed, "" if fixed else element, number))
    return tuple(args)


def _collect_attrs(inputs: Sequence[Arg], outputs: Sequence[Arg], kernel: Kernel, allowed: Mapping[str, Any]) -> dict[str, AttrDef]:
    explicit: dict[str, AttrDef] = {}
    for parameter in inspect.signature(kernel).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            kind = _KINDS.get(str(parameter.annotation))
            if kind is None:
                raise ValueError(f"annotation {parameter.annotation!r} of attribute {parameter.name!r} is no attribute kind")
            default = REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
            explicit[parameter.name] = AttrDef(parameter.name, kind, default, allowed.get(parameter.name))
    attrs: dict[str, AttrDef] = {}
    for arg in (*inputs, *outputs):
        for name, kind in ((arg.type_attr, "type"), (arg.number_attr, "int"), (arg.type_list_attr, "list(type)")):
            if name and name not in explicit:
                attrs.setdefault(name, AttrDef(name, kind, allowed=allowed.get(name), implied=True))
    return attrs | explicit


_OPTIONS = frozenset(p.name for p in inspect.signature(OpDef).parameters.values() if p.kind is p.KEYWORD_ONLY)


def op(name: str, spec: str, **options: Any) -> Callable[[Kernel], OpDef]:
    """Declares an op; see the module and OpDef for what it takes.

    Args:
        name: TensorFlow's raw op name.
        spec: `"input: T, ... -> output: T, ..."`.
        **options: OpDef's keyword arguments; any other name is a type attribute with the dtypes that it admits, such as
            `T=FLOATING`.

    Returns:
        A decorator that turns the kernel into the registered OpDef.
    """
    left, _, right = spec.partition("->")
    inputs, outputs = parse_args(left), parse_args(right)
    rest = {key: value for key, value in options.items() if key in _OPTIONS}
    allowed = {key: tuple(value) for key, value in options.items() if key not in _OPTIONS}

    def declare(kernel: Kernel) -> OpDef:
        attrs = _collect_attrs(inputs, outputs, kernel, allowed)
        return register(OpDef(name, inputs, outputs, attrs, kernel, **rest))

    return declare
