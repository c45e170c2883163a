"""The cell behind a variable: mutable storage for one array, shared by every handle to it."""

from __future__ import annotations

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np

from headrace.core.dtypes import DType
from headrace.core.errors import FailedPreconditionError
from headrace.core.shapes import TensorShape

_serial = itertools.count()
_HANDLE = np.dtype(object)


class Resource:
    """Storage of a variable.

    Attributes:
        array: the present value, a JAX array, or None before the first assignment.
        shared: True while someone else may hold `array` itself (an eager read hands it out), so that a compiled
            function must not donate it.
    """

    __slots__ = ("array", "element_dtype", "element_shape", "name", "serial", "shared")

    def __init__(self, name: str, element_dtype: DType, element_shape: TensorShape) -> None:
        self.name = name
        self.element_dtype = element_dtype
        self.element_shape = element_shape
        self.array: Any = None
        self.shared = False
        self.serial = next(_serial)

    @property
    def dtype(self) -> np.dtype[Any]:
        """numpy's dtype of handles: object."""
        return _HANDLE

    def read(self) -> Any:
        """The present array, from now on shared.

        Raises:
            FailedPreconditionError: nothing was assigned yet.
        """
        self.shared = True
        return self.peek()

    def peek(self) -> Any:
        """The present array, for a caller that does not keep it.

        Raises:
            FailedPreconditionError: nothing was assigned yet.
        """
        if self.array is None:
            raise FailedPreconditionError(f"variable {self.name!r} has no value yet; assign one or restore a checkpoint first")
        return self.array

    def take(self) -> Any:
        """The present array for donation: a copy when someone else may hold it."""
        array = self.peek()
        return jnp.copy(array) if self.shared else array

    def write(self, array: Any, *, shared: bool = False) -> None:
        """Replaces the value; `shared` says that the writer or someone else keeps `array`."""
        self.array = array
        self.shared = shared
