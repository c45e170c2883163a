"""What a version is tried with while it chooses its engines: its own warm-up requests, else inputs that are made up."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from headrace.core.errors import InvalidArgumentError
from headrace.core.log_lines import fields
from headrace.core.spec import TensorSpec
from headrace.serving.engines.base import Array, LoadedModel, Signature, Undecided
from headrace.serving.warmup import Served, shapes_of, synthesize
from headrace.serving.warmup_requests import first_inputs

logger = logging.getLogger(__name__)

MOST_REQUESTS = 4
"""Requests of a warm-up file that a signature is tried with."""


def decide(
    loaded: LoadedModel, path: Path, batch_sizes: Sequence[int], before: Served | None = None, requests: bool = True
) -> None:
    """Lets a loaded model that can run on several engines choose; any other is left alone.

    Args:
        loaded: the model.
        path: its version's directory.
        batch_sizes: of inputs that are made up.
        before: what is known of the version that serves meanwhile, whose requests lend strings.
        requests: use the warm-up requests that the version brings along.
    """
    if not isinstance(loaded, Undecided):
        return
    own = first_inputs(loaded.signatures, path, MOST_REQUESTS) if requests else {}
    samples = {
        name: own.get(name) or _made_up(name, signature, batch_sizes, before) for name, signature in loaded.signatures.items()
    }
    loaded.decide(samples, before.choices if before is not None else {})


def _made_up(name: str, signature: Signature, batch_sizes: Sequence[int], before: Served | None) -> list[Mapping[str, Array]]:
    """Random inputs of each batch size; none where they cannot be made up."""
    found: list[Mapping[str, Array]] = []
    for batch in batch_sizes:
        shapes = shapes_of(signature, batch)
        try:
            found.append({key: _numbers(spec, shapes[key], _string(before, name, key)) for key, spec in signature.inputs.items()})
        except InvalidArgumentError as error:
            logger.info("no input to try engines with: %s", error, extra=fields(signature=name, batch=batch))
            return []
    return found


def _string(before: Served | None, name: str, key: str) -> bytes:
    return b"" if before is None else before.sample(name, key)


def _numbers(spec: TensorSpec, shape: tuple[int, ...] | None, string: bytes) -> Array:
    """Random numbers, the same each time: normal ones, any bytes, and small integers, which often are positions or tokens.

    Raises:
        InvalidArgumentError: see `synthesize`.
    """
    made = synthesize(spec, shape, string)
    random = np.random.default_rng(0)
    if spec.dtype.is_floating:
        made[...] = random.standard_normal(made.shape, np.float32)
    elif made.dtype == np.uint8:
        made[...] = random.integers(0, 256, made.shape)
    elif spec.dtype.is_integer or spec.dtype.is_bool:
        made[...] = random.integers(0, 2, made.shape)
    return made
