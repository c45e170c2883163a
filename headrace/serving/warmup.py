"""Runs a freshly loaded version before it serves, so that its first requests find everything compiled."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError, OpError
from headrace.core.log_lines import fields
from headrace.core.spec import TensorSpec
from headrace.serving.engines.base import Array, Signature, Told
from headrace.serving.servable import Servable, Shapes

logger = logging.getLogger(__name__)
_MAX_ELEMENTS = 1 << 26


class Served(Protocol):
    """What is known of a version that serves, and of the requests to it."""

    @property
    def choices(self) -> Told:
        """The choices of its engines; see Undecided.decide."""

    def sample(self, signature: str, name: str) -> bytes:
        """A string that an input had; see Servable.sample."""

    def served_shapes(self) -> list[tuple[tuple[str, ...], Shapes]]:
        """What ran in which shapes; see Servable.served_shapes."""


class Learned(NamedTuple):
    """What a batch of a signature took."""

    signature: str
    size: int
    seconds: float


def warm_up(
    servable: Servable, batch_sizes: Sequence[int], before: Served | None = None, learned: list[Learned] | None = None
) -> int:
    """Runs every signature once for each batch size, then with the shapes that the version before it served.

    Numbers are zeros. Strings are one that a request or a warm-up request had in this place, since a string made up may well be
    refused: an empty tf.Example has no features.
    A signature that is batched runs at every size that its batches may have, from which the batcher learns the times.
    A run that fails is logged and the version is used all the same: made-up input need not be valid input.

    Args:
        servable: the version.
        batch_sizes: of the first runs.
        before: what is known of the version before it.
        learned: takes what batches took.

    Returns:
        How many runs succeeded.
    """
    run = _Runs(servable, before)
    done = 0
    for name, signature in servable.signatures.items():
        for batch in batch_sizes:
            done += run.attempt((name,), shapes_of(signature, batch))
        found = _warm_batches(servable, name, run)
        done += len(found)
        if learned is not None:
            learned.extend(found)
    for names, shapes in before.served_shapes() if before is not None else []:
        if all(name in servable.signatures and _fits(servable.signatures[name], dict(shapes)) for name in names):
            done += run.attempt(names, dict(shapes))
    return done


def repeat(servable: Servable, before: Served, learned: Sequence[Learned], seconds: float) -> None:
    """Runs once more, in the process that serves, what warmed a version in another one.

    Args:
        servable: the version.
        before: what it was asked there.
        learned: what batches took there; counts for those that are not run here.
        seconds: what all of this may take; the run that is in progress then is ended.
    """
    run = _Runs(servable, before)
    end = time.monotonic() + seconds
    ran = {(each.signature, each.size) for name in servable.signatures for each in _warm_batches(servable, name, run, end)}
    for each in learned:
        if servable.batcher is not None and (each.signature, each.size) not in ran:
            servable.batcher.learn(*each)
    done = set(servable.served_shapes())
    for names, shapes in before.served_shapes():
        if time.monotonic() >= end:
            return
        if (names, shapes) not in done:
            run.attempt(names, dict(shapes))


def synthesize(spec: TensorSpec, shape: tuple[int, ...] | None, string: bytes = b"") -> Array:
    """Zeros of `spec`'s dtype, for strings `string` in every place.

    Raises:
        InvalidArgumentError: the shape is unknown or of more than 2**26 elements, or the dtype has no values.
    """
    if shape is None or not spec.dtype.is_numpy_compatible:
        raise InvalidArgumentError(f"no warm-up input can be made up for {spec}: expected a known rank and a dtype with values")
    if math.prod(shape) > _MAX_ELEMENTS:
        raise InvalidArgumentError(
            f"warm-up input of shape {shape} for {spec} is too large; expected at most {_MAX_ELEMENTS} elements"
        )
    if spec.dtype is dtypes.string:
        return np.full(shape, string, object)
    return np.zeros(shape, spec.dtype.np_dtype)


class _Runs:
    """Runs of a version on made-up input."""

    def __init__(self, servable: Servable, before: Served | None) -> None:
        self._servable = servable
        self._before = before

    def attempt(self, names: tuple[str, ...], shapes: dict[str, tuple[int, ...] | None]) -> bool:
        """Runs signatures together on input of these shapes; false when that failed or no input can be made up."""
        servable = self._servable
        details = fields(model=servable.model, version=servable.version, signature=",".join(names), shapes=shapes)
        specs = servable.signatures[names[0]].inputs
        try:
            inputs = {key: synthesize(specs[key], shape, self._string(names[0], key)) for key, shape in shapes.items()}
        except InvalidArgumentError as error:
            logger.info("not warmed up: %s", error, extra=details)
            return False
        try:
            servable.run_together(names, inputs)
        except OpError as error:
            logger.warning(
                "warm-up run failed (%s: %s); the version is used all the same", error.code, error.message, extra=details
            )
            return False
        except Exception:  # whatever the model makes of invented input, it must not stop the load
            logger.warning("warm-up run failed; the version is used all the same", extra=details, exc_info=True)
            return False
        return True

    def _string(self, name: str, key: str) -> bytes:
        own = self._servable.sample(name, key)
        return own if own or self._before is None else self._before.sample(name, key)


def _warm_batches(servable: Servable, name: str, run: _Runs, end: float = math.inf) -> list[Learned]:
    """Runs a batched signature twice at each batch size, since the first run may compile, until one takes too long.

    Args:
        servable: the version.
        name: the signature.
        run: runs it.
        end: when no further size is begun, in `time.monotonic()` seconds.
    """
    batcher = servable.batcher
    found: list[Learned] = []
    if batcher is None or not batcher.batches(name):
        return found
    for size in batcher.sizes(name):
        if time.monotonic() >= end:
            break
        larger = True
        for _ in range(2):
            started = time.monotonic()
            if not run.attempt((name,), shapes_of(servable.signatures[name], size)):
                return found
            found.append(Learned(name, size, time.monotonic() - started))
            larger = batcher.learn(*found[-1])
        if not larger:
            break
    return found


def shapes_of(signature: Signature, batch: int) -> dict[str, tuple[int, ...] | None]:
    """Shapes for made-up inputs: `batch` for an unknown first dimension, 1 for any other; None where the rank is unknown."""
    return {name: _shape(spec, batch) for name, spec in signature.inputs.items()}


def _shape(spec: TensorSpec, batch: int) -> tuple[int, ...] | None:
    """The shape of a made-up input: `batch` for an unknown first dimension, 1 for any other unknown one."""
    if spec.shape.rank is None:
        return None
    return tuple((1 if axis else batch) if dim is None else dim for axis, dim in enumerate(spec.shape.as_tuple()))


def _fits(signature: Signature, shapes: dict[str, tuple[int, ...]]) -> bool:
    return shapes.keys() == signature.inputs.keys() and all(
        signature.inputs[name].shape.is_compatible_with(shape) for name, shape in shapes.items()
    )
