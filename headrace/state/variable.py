"""tf.Variable: a mutable tensor with an identity."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NoReturn

import jax.numpy as jnp

from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.shapes import TensorShape, as_shape
from headrace.dispatch import context
from headrace.dispatch.composite import IndexedSlices
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.operators import Operators
from headrace.dispatch.resource import Resource
from headrace.dispatch.tensor import ActsAsTensor, EagerTensor, Reference, ResourceTensor, Tensor
from headrace.state.tracking import Trackable


class VariableSynchronization(Enum):
    """When copies of a variable on several devices are brought together."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3


class VariableAggregation(Enum):
    """How updates from several devices combine."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


_numbers = itertools.count()


class Variable(Operators, ActsAsTensor, Trackable):
    """A mutable tensor.

    Args:
        initial_value: a tensor or a value that converts to one, or a function without arguments that gives one.
        trainable: whether tapes watch it by default; True for floating dtypes unless `synchronization` is ON_READ.
        name: for people and checkpoints; need not be unique.
        dtype: the dtype of the value; inferred when None.
        constraint: a function applied to the value by optimizers after each update.
        shape: a static shape more general than that of the initial value, where later values may differ in shape.

    Raises:
        ValueError: no initial value, or one that does not fit `shape` or `dtype`.
    """

    __slots__ = ("__dict__", "__weakref__")

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        import_scope: Any = None,
        constraint: Callable[[Any], Any] | None = None,
        synchronization: VariableSynchronization = VariableSynchronization.AUTO,
        aggregation: VariableAggregation = VariableAggregation.NONE,
        shape: Any = None,
        experimental_enable_variable_lifting: bool = True,
    ) -> None:
        if initial_value is None:
            raise ValueError("a tf.Variable needs an initial value; give a tensor, a number, or a function that returns one")
        wanted = None if dtype is None else dtypes.as_dtype(dtype)
        initial = context.state().executor.initial_value(initial_value, wanted)
        static = initial.shape if shape is None else as_shape(shape)
        if validate_shape and not static.is_compatible_with(initial.shape):
            raise ValueError(f"the initial value has shape {initial.shape}, which does not fit the declared shape {static}")
        scope = context.state().name_scope
        self._name = scope + (name or "Variable")
        self._constraint = constraint
        self._synchronization = synchronization
        self._aggregation = aggregation
        self._trainable = synchronization is not VariableSynchronization.ON_READ if trainable is None else bool(trainable)
        self._number = next(_numbers)
        resource = Resource(self._name, initial.dtype, static)
        resource.write(_device_array(initial), shared=True)
        self._handle = ResourceTensor(resource)

    @classmethod
    def uninitialized(cls, shape: Any, dtype: DType, name: str = "Variable", trainable: bool = True) -> Variable:
        """A variable without a value yet, as loaders need it."""
        variable = cls.__new__(cls)
        variable._name = name
        variable._constraint = None
        variable._synchronization = VariableSynchronization.AUTO
        variable._aggregation = VariableAggregation.NONE
        variable._trainable = trainable
        variable._number = next(_numbers)
        variable._handle = ResourceTensor(Resource(name, dtype, as_shape(shape)))
        return variable

    @property
    def handle(self) -> ResourceTensor:
        """The tensor of dtype resource that ops take to read or change this variable."""
        return self._handle

    @property
    def name(self) -> str:
        """The name with TensorFlow's `:0` at its end."""
        return self._name + ":0"

    @property
    def _shared_name(self) -> str:
        """The name without `:0`; libraries know variables by it."""
        return self._name

    @property
    def _unique_id(self) -> str:
        """A name that no other variable of this process has; optimizers of libraries know variables by it."""
        return f"{self._name}_{self._number}"

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._handle.array.element_dtype

    @property
    def shape(self) -> TensorShape:
        """The static shape."""
        return self._handle.array.element_shape

    @property
    def trainable(self) -> bool:
        """True when tapes watch it by default."""
        return self._trainable

    @property
    def constraint(self) -> Callable[[Any], Any] | None:
        """The function that optimizers apply after updates, or None."""
        return self._constraint

    @property
    def synchronization(self) -> VariableSynchronization:
        """When copies on several devices are brought together."""
        return self._synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        """How updates from several devices combine."""
        return self._aggregation

    @property
    def device(self) -> str:
        """The device that holds the value."""
        array = self._handle.array.array
        return "" if array is None else EagerTensor(array).device

    @property
    def rank(self) -> int | None:
        """The number of dimensions, None if unknown."""
        return self.shape.rank

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    def get_shape(self) -> TensorShape:
        """The same as `shape`."""
        return self.shape

    def trackable_children(self) -> dict[str, Any]:
        """None: a variable is a leaf."""
        return {}

    def value(self) -> Tensor:
        """The present value as a tensor."""
        state = context.state()
        for tape in state.tapes:
            tape.watch_variable(self)
        op = get("ReadVariableOp")
        return state.executor.run(op, (self._handle,), op.canonical({"dtype": self.dtype}), None)[0]

    def read_value(self) -> Tensor:
        """The same as `value`."""
        return self.value()

    def is_initialized(self) -> bool:
        """True once it has a value."""
        return self._handle.array.array is not None

    def numpy(self) -> Any:
        """The present value as a numpy array of its own.

        Raises:
            NotImplementedError: a function is being traced.
        """
        if not context.executing_eagerly():
            raise NotImplementedError(
                "numpy() is only available when executing eagerly; inside tf.function use the variable itself"
            )
        with context.paused_tapes():
            return self.value().numpy()  # type: ignore[attr-defined]

    def __tf_tensor__(self, dtype: DType | None = None, name: str | None = None) -> Tensor:
        if dtype is not None and dtype is not self.dtype:
            raise ValueError(f"variable {self.name!r} has dtype {self.dtype.name} but {dtype.name} was asked for; use tf.cast")
        return self.value()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.value().__array__(dtype, copy)  # type: ignore[attr-defined]

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Any:
        """Replaces the value.

        Returns:
            The variable, or None when `read_value` is False.

        Raises:
            ValueError: the shape does not fit the variable's.
        """
        tensor = convert_to_tensor(value, self.dtype) if not hasattr(value, "__tf_tensor__") else convert_to_tensor(value)
        if not self.shape.is_compatible_with(tensor.shape):
            raise ValueError(f"cannot assign a value of shape {tensor.shape} to variable {self.name!r} of shape {self.shape}")
        get("AssignVariableOp").all(self._handle, convert_to_tensor(tensor, self.dtype), validate_shape=False)
        return self if read_value else None

    def assign_add(self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Any:
        """Adds to the value; returns as `assign`."""
        return self._update("AssignAddVariableOp", delta, read_value)

    def assign_sub(self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Any:
        """Subtracts from the value; returns as `assign`."""
        return self._update("AssignSubVariableOp", delta, read_value)

    def _update(self, op: str, delta: Any, read_value: bool) -> Any:
        tensor = convert_to_tensor(delta, self.dtype)
        if not self.shape.is_compatible_with(tensor.shape):
            raise ValueError(f"cannot update variable {self.name!r} of shape {self.shape} with a value of shape {tensor.shape}")
        get(op).all(self._handle, tensor)
        return self if read_value else None

    def scatter_add(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Variable:
        """Adds rows at positions."""
        return self._scatter("ResourceScatterAdd", sparse_delta)

    def scatter_sub(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Variable:
        """Subtracts rows at positions."""
        return self._scatter("ResourceScatterSub", sparse_delta)

    def scatter_update(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Variable:
        """Replaces rows at positions."""
        return self._scatter("ResourceScatterUpdate", sparse_delta)

    def _scatter(self, op: str, slices: IndexedSlices) -> Variable:
        get(op).all(self._handle, slices.indices, slices.values)
        return self

    def sparse_read(self, indices: Any, name: str | None = None) -> Tensor:
        """The rows at positions; its gradient is IndexedSlices."""
        for tape in context.state().tapes:
            tape.watch_variable(self)
        return get("ResourceGather")(self._handle, indices, dtype=self.dtype)

    def ref(self) -> Reference:
        """A hashable reference to this variable."""
        return Reference(self)

    def __bool__(self) -> bool:
        return bool(self.value())

    def __int__(self) -> int:
        return int(self.value())  # type: ignore[call-overload, no-any-return]

    def __float__(self) -> float:
        return float(self.value())  # type: ignore[arg-type]

    def __index__(self) -> int:
        return self.value().__index__()  # type: ignore[attr-defined, no-any-return]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.value())

    def __len__(self) -> int:
        return len(self.value())

    def __deepcopy__(self, memo: Any) -> Variable:
        twin = Variable(
            self.value(), self._trainable, name=self._name, dtype=self.dtype, constraint=self._constraint, shape=self.shape
        )
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> NoReturn:
        raise TypeError("variables are not pickled; save a checkpoint or a SavedModel")

    def __repr__(self) -> str:
        if not context.executing_eagerly():
            return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"
        value = self.numpy() if self.is_initialized() else "uninitialized"
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}, numpy={value!r}>"


def _device_array(tensor: Tensor) -> Any:
    """The array of an initial value, on the device even when the tensor lives on the host."""
    array = tensor.array  # type: ignore[attr-defined]
    return array if array.dtype.kind == "O" else jnp.asarray(array)


def is_variable(value: Any) -> bool:
    """True for a Variable."""
    return isinstance(value, Variable)
