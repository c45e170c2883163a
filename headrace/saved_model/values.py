"""Values of variables: read from a checkpoint several at a time, checked, and put on the device."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax

from headrace.core.errors import DataLossError
from headrace.state.variable import Variable

_MOST_THREADS = 8


def fill(variables: Sequence[Variable], read: Callable[[int], Any], where: str) -> None:
    """Gives variables their values; reading and checking leave Python free to go on.

    Args:
        variables: what is filled.
        read: gives the value of the variable of that number.
        where: names the checkpoint in messages.

    Raises:
        DataLossError: a value has another dtype or shape than its variable.
        HeadraceError: what `read` raises.
    """

    def one(number: int) -> None:
        variable, value = variables[number], read(number)
        if value.dtype != variable.dtype.np_dtype or not variable.shape.is_compatible_with(value.shape):
            raise DataLossError(
                f"{where} holds {value.dtype}{list(value.shape)} for the variable {variable.name!r}, which is"
                f" {variable.dtype.name}{variable.shape}"
            )
        variable.handle.array.write(value if value.dtype.kind == "O" else jax.device_put(value))

    with ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), "headrace-restore") as pool:
        for _ in pool.map(one, range(len(variables))):
            pass
