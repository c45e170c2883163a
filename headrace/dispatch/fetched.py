"""Arrays taken from XLA for numpy, once it is known that their computation succeeded."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from headrace.core.errors import InternalError, ResourceExhaustedError


def fetched(array: Any) -> np.ndarray[Any, Any]:
    """The elements of a JAX array, or of what numpy can read as one.

    A computation may fail after its array was given out, for want of memory above all. numpy would take such an array without
    asking, and XLA end the whole process for that; so it is asked first.

    Raises:
        ResourceExhaustedError: there was not enough memory for the computation.
        InternalError: it failed for another reason.
    """
    if isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer):
        try:
            array.block_until_ready()
        except jax.errors.JaxRuntimeError as error:
            kind = ResourceExhaustedError if str(error).startswith("RESOURCE_EXHAUSTED") else InternalError
            raise kind(str(error)) from error
    return np.asarray(array)
