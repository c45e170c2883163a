"""Tensor: the value that ops take and give, either at hand (EagerTensor) or a place in a graph (GraphTensor)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from headrace.core import dtypes
from headrace.core.dtypes import DType, from_numpy
from headrace.core.errors import InvalidArgumentError, OperatorNotAllowedInGraphError
from headrace.core.shapes import TensorShape
from headrace.core.spec import TensorSpec
from headrace.dispatch.fetched import fetched
from headrace.dispatch.operators import Operators
from headrace.dispatch.resource import Resource
from headrace.ir.graph import Value

HOST = "/job:localhost/replica:0/task:0/device:CPU:0"
"""The device of strings and of small integers, which stay on the host."""


class ActsAsTensor:
    """The mark of what counts as a tensor: tensors, variables, and classes of libraries that act as either."""

    __slots__ = ()


class Tensor(Operators, ActsAsTensor):
    """An immutable array of one dtype. See EagerTensor and GraphTensor. Libraries may hang attributes of their own on it."""

    __slots__ = ("__dict__", "__weakref__")

    @property
    def dtype(self) -> DType:
        """The element type."""
        raise NotImplementedError

    @property
    def shape(self) -> TensorShape:
        """The static shape."""
        raise NotImplementedError

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def rank(self) -> int | None:
        """The number of dimensions, None if unknown."""
        return self.shape.rank

    def get_shape(self) -> TensorShape:
        """The same as `shape`."""
        return self.shape

    def __len__(self) -> int:
        if self.shape.rank is None or not len(self.shape) or self.shape[0] is None:
            raise TypeError(f"len() needs a tensor whose first dimension is known; this one has shape {self.shape}")
        return self.shape[0]

    def ref(self) -> Reference:
        """A hashable reference to this tensor, for dictionaries and sets."""
        return Reference(self)

    def set_shape(self, shape: Any) -> None:
        """Asserts what the static shape is; raises ValueError when it contradicts what is known."""
        self.shape.assert_is_compatible_with(shape)


class Reference:
    """A hashable stand-in for a tensor or variable: equal when both refer to the same object."""

    __slots__ = ("_target",)

    def __init__(self, target: Any) -> None:
        self._target = target

    def deref(self) -> Any:
        """The object referred to."""
        return self._target

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._target is other._target

    def __hash__(self) -> int:
        return id(self._target)


class EagerTensor(Tensor):
    """A tensor at hand. `array` is a JAX array, or a numpy array for strings and small integers, which live on the host."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def dtype(self) -> DType:
        """The element type."""
        return from_numpy(self.array.dtype)

    @property
    def shape(self) -> TensorShape:
        """The shape."""
        return TensorShape(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self.array.ndim)

    @property
    def device(self) -> str:
        """The device that holds the elements, in TensorFlow's notation."""
        if isinstance(self.array, np.ndarray):
            return HOST
        (device,) = self.array.devices()
        return device_name(device)

    def numpy(self) -> Any:
        """The elements as a numpy array, or as a numpy scalar (bytes for strings) when the rank is 0."""
        array = fetched(self.array)
        if array.ndim == 0:
            return array[()]
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = fetched(self.array)
        return np.array(array, dtype, copy=copy) if dtype is not None or copy else array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()

    def _scalar(self, kind: str) -> Any:
        if self.array.size != 1:
            raise TypeError(f"only a tensor of one element converts to a Python {kind}; this one has shape {self.shape}")
        return fetched(self.array).reshape(())[()]

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ValueError(f"the truth value of a tensor of shape {self.shape} is ambiguous; use tf.reduce_any or tf.reduce_all")
        return bool(self._scalar("bool"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        if not self.dtype.is_integer:
            raise TypeError(f"only an integer tensor can be an index; this one is {self.dtype.name}")
        return int(self._scalar("index"))

    def __round__(self, digits: int | None = None) -> Any:
        return round(self._scalar("float").item(), digits)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.ndim:
            raise TypeError("cannot iterate over a scalar tensor")
        return (self[i] for i in range(self.array.shape[0]))

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec) if self.array.ndim == 0 and spec else str(self)

    def __repr__(self) -> str:
        separator = "\n" if self.array.ndim > 1 else " "
        text = np.array2string(fetched(self.array), separator=", ") if self.array.ndim else repr(fetched(self.array)[()])
        if self.array.ndim == 0 and self.dtype is not dtypes.string:
            text = str(fetched(self.array)[()])
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={separator.strip(' ')}{text}>"

    def __str__(self) -> str:
        return f"tf.Tensor({fetched(self.array)}, shape={self.shape}, dtype={self.dtype.name})"

    def __copy__(self) -> EagerTensor:
        return self

    def __deepcopy__(self, memo: Any) -> EagerTensor:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("tensors are not pickled; use .numpy(), tf.io.serialize_tensor or a checkpoint")


class ResourceTensor(EagerTensor):
    """A handle to a variable's storage: a scalar of dtype resource."""

    __slots__ = ()
    array: Resource

    @property
    def dtype(self) -> DType:
        """tf.resource."""
        return dtypes.resource

    @property
    def shape(self) -> TensorShape:
        """The empty shape: a handle is a scalar."""
        return TensorShape(())

    def numpy(self) -> Any:
        """Refused: a handle has no elements.

        Raises:
            InvalidArgumentError: always.
        """
        raise InvalidArgumentError(f"a resource handle (of {self.array.name!r}) has no numpy value; read the variable instead")

    def __repr__(self) -> str:
        return f"<tf.Tensor: handle of variable {self.array.name!r}, dtype=resource>"

    __str__ = __repr__


class PathTensor(EagerTensor):
    """The path of a file that belongs to a model: a function captures it, for a saved model has it elsewhere."""

    __slots__ = ()


class ListTensor(EagerTensor):
    """A TensorList at hand (see dispatch/lists.py): a scalar of dtype variant."""

    __slots__ = ()

    @property
    def dtype(self) -> DType:
        """tf.variant."""
        return dtypes.variant

    @property
    def shape(self) -> TensorShape:
        """The empty shape: a list is a scalar."""
        return TensorShape(())

    def numpy(self) -> Any:
        """Refused: a list is no array.

        Raises:
            InvalidArgumentError: always.
        """
        raise InvalidArgumentError("a variant tensor has no numpy value; use tf.raw_ops.TensorListStack or a TensorArray")

    def __repr__(self) -> str:
        return "<tf.Tensor: a list of tensors, dtype=variant>"

    __str__ = __repr__


class QuantizedTensor(EagerTensor):
    """A tensor at hand of a quantized dtype: its array has plain integers."""

    __slots__ = ("_dtype",)

    def __init__(self, array: Any, dtype: DType) -> None:
        super().__init__(array)
        self._dtype = dtype

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._dtype


class GraphTensor(Tensor):
    """A tensor of a graph under construction: `value` is its place there and `builder` the graph's builder."""

    __slots__ = ("builder", "value")

    def __init__(self, value: Value, builder: Any) -> None:
        self.value = value
        self.builder = builder

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.value.dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape."""
        return self.value.shape

    @property
    def name(self) -> str:
        """`node:output`, as in TensorFlow."""
        node = self.value.node
        return f"{self.value.name}:0" if node is None else f"{node.name}:{self.value.index}"

    @property
    def op(self) -> Operation:
        """The operation that makes the value; for an input of the graph one of type Placeholder."""
        return Operation(self)

    @property
    def graph(self) -> Any:
        """The graph that the tensor belongs to."""
        return self.builder.graph

    @property
    def device(self) -> str:
        """The device asked for by `tf.device`, or the empty string."""
        return self.value.node.device if self.value.node is not None else ""

    def set_shape(self, shape: Any) -> None:
        """Narrows the static shape by what the caller knows; raises ValueError on contradiction."""
        self.value.shape = self.value.shape.merge_with(shape)
        probes = self.value.probes
        if probes is None:
            return
        rank = self.value.shape.rank
        if rank is None:
            return
        known = self.value.shape.as_tuple()
        if None not in known or any(probe.shape is None or len(probe.shape) != rank for probe in probes[:2]):
            self.value.probes = None  # what inference knew is less than what the shape now says
            return
        first, second = (
            probe._replace(shape=tuple(d if k is None else k for d, k in zip(probe.shape or (), known, strict=True)))
            for probe in probes[:2]
        )
        self.value.probes = (first, second, *probes[2:])

    def _refuse(self, what: str) -> NoReturn:
        raise OperatorNotAllowedInGraphError(
            f"{what} is not allowed: {self.name} (shape {self.shape}, dtype {self.dtype.name}) is a symbolic tensor of graph"
            f" {self.builder.graph.name!r} and has no value while it is traced. Use tf ops instead, or do it outside tf.function."
        )

    def __bool__(self) -> NoReturn:
        self._refuse("using a symbolic tensor as a Python bool (if, while, and, or, assert)")

    def __iter__(self) -> Iterator[Tensor]:
        if self.shape.rank is None or not len(self.shape) or self.shape[0] is None:
            self._refuse("iterating over a symbolic tensor of unknown length")
        return (self[i] for i in range(len(self)))

    def __getattr__(self, name: str) -> NoReturn:
        # `hasattr(tensor, "numpy")` is how programs ask whether a tensor has a value.
        hint = (
            f": numpy() is only available when executing eagerly, and {self.name} is a symbolic tensor" if name == "numpy" else ""
        )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise NotImplementedError(f"the symbolic tensor {self.name} has no numpy value; call numpy code outside tf.function")

    def __int__(self) -> NoReturn:
        self._refuse("int() of a symbolic tensor")

    def __float__(self) -> NoReturn:
        self._refuse("float() of a symbolic tensor")

    def __index__(self) -> NoReturn:
        self._refuse("using a symbolic tensor as a Python index")

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    __str__ = __repr__


class Operation:
    """An operation of a graph under construction, as seen from one of its outputs."""

    __slots__ = ("_output",)

    def __init__(self, output: GraphTensor) -> None:
        self._output = output

    @property
    def type(self) -> str:
        """The name of the op, such as `AddV2`."""
        node = self._output.value.node
        return "Placeholder" if node is None else node.op

    @property
    def name(self) -> str:
        """The name of the operation in its graph."""
        node = self._output.value.node
        return self._output.value.name if node is None else node.name

    @property
    def inputs(self) -> tuple[GraphTensor, ...]:
        """The tensors that it takes: those that the tapes know, so that gradients flow through what is made of them."""
        node = self._output.value.node
        if node is None:
            return ()
        records = reversed(self._output.builder.log.records)
        recorded = next((r for r in records if any(getattr(t, "value", None) in node.outputs for t in r.outputs)), None)
        known = {} if recorded is None else {tensor.value: tensor for tensor in recorded.inputs if type(tensor) is GraphTensor}
        return tuple(known[v] if v in known else GraphTensor(v, self._output.builder) for v in node.inputs)

    @property
    def outputs(self) -> tuple[GraphTensor, ...]:
        """The tensors that it makes."""
        node = self._output.value.node
        return (self._output,) if node is None else tuple(GraphTensor(value, self._output.builder) for value in node.outputs)

    @property
    def graph(self) -> Any:
        """The graph that it belongs to."""
        return self._output.graph

    @property
    def device(self) -> str:
        """The device asked for by `tf.device`, or the empty string."""
        return self._output.device

    def get_attr(self, name: str) -> Any:
        """An attribute.

        Raises:
            ValueError: it has none of that name.
        """
        node = self._output.value.node
        if node is None or name not in node.attrs:
            raise ValueError(f"the operation {self.name!r} of type {self.type} has no attribute {name!r}")
        return node.attrs[name]

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


def device_name(device: Any) -> str:
    """A JAX device in TensorFlow's notation."""
    kind = "GPU" if device.platform in ("gpu", "cuda", "rocm") else device.platform.upper()
    return f"/job:localhost/replica:0/task:0/device:{kind}:{device.id}"


def spec_of(tensor: Tensor, name: str | None = None) -> TensorSpec:
    """The TensorSpec of a tensor."""
    return TensorSpec(tensor.shape, tensor.dtype, name)
