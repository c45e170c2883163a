"""What a model answered, looked at in a bounded way, and compared with what another version answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from headrace.core import dtypes
from headrace.serving.engines.base import Array
from headrace.serving.routing.rules import Shadow

_LOOKED_AT = 4096
"""Numbers of an output that are looked at for NaN: all, or so many evenly over it."""


@dataclass(slots=True)
class Difference:
    """How the shadow's outputs differ from those that were answered.

    Attributes:
        same: every output is there, of the same shape and dtype, and within the tolerances.
        largest: the largest absolute difference, by output of numbers; infinite where only one of the two is finite.
        rows: rows of scores that both gave;
        agreeing: those of them that have their largest score at the same place.
    """

    same: bool = True
    largest: dict[str, float] = field(default_factory=dict)
    rows: int = 0
    agreeing: int = 0


def all_finite(outputs: Mapping[str, Array]) -> bool:
    """False when a number that was looked at is NaN or an infinity."""
    for output in outputs.values():
        if not _is_inexact(output):
            continue
        step = -(-output.size // _LOOKED_AT) or 1
        looked_at = output.reshape(-1)[::step] if output.flags.c_contiguous else output.flat[::step]
        if not np.isfinite(looked_at).all():
            return False
    return True


def compare(answered: Mapping[str, Array], shadowed: Mapping[str, Array], shadow: Shadow) -> Difference:
    """Compares the outputs of two versions for the same inputs."""
    found = Difference(same=answered.keys() == shadowed.keys())
    for name in sorted(answered.keys() & shadowed.keys()):
        first, second = answered[name], shadowed[name]
        if first.shape != second.shape or first.dtype != second.dtype:
            found.same = False
        elif _is_number(first):
            _compare_numbers(found, name, first, second, shadow)
        else:
            found.same = found.same and bool((first == second).all())
    return found


def _compare_numbers(found: Difference, name: str, first: Array, second: Array, shadow: Shadow) -> None:
    wide = np.complex128 if dtypes.from_numpy(first.dtype).is_complex else np.float64
    a, b = first.astype(wide), second.astype(wide)
    with np.errstate(all="ignore"):
        off = np.abs(a - b)
        equal = (a == b) | (np.isnan(a) & np.isnan(b))
        off = np.where(equal, 0.0, np.where(np.isnan(off), np.inf, off))
        near = equal | (off <= shadow.absolute_tolerance + shadow.relative_tolerance * np.abs(a))
    found.same = found.same and bool(near.all())
    found.largest[name] = float(off.max()) if off.size else 0.0
    if _is_inexact(first) and wide is np.float64 and first.ndim >= 2 and first.shape[-1] >= 2:
        agree = a.argmax(-1) == b.argmax(-1)
        found.rows += agree.size
        found.agreeing += int(agree.sum())


def _is_number(output: Array) -> bool:
    dtype = dtypes.from_numpy(output.dtype)
    return dtype.is_integer or dtype.is_floating or dtype.is_complex


def _is_inexact(output: Array) -> bool:
    dtype = dtypes.from_numpy(output.dtype)
    return dtype.is_floating or dtype.is_complex
