"""Where the declared models are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from zoo_case import Case


class Entry(NamedTuple):
    """A declared model.

    Attributes:
        build: makes it; takes an empty folder for the files that it needs.
        exercises: what it is there for, in a few words.
        heavy: left out of the short run, as it takes seconds or many megabytes.
    """

    build: Callable[[str], Case]
    exercises: str
    heavy: bool


MODELS: dict[str, Entry] = {}


def model(name: str, exercises: str, heavy: bool = False) -> Callable[[Callable[[str], Case]], Callable[[str], Case]]:
    """Declares the model that a function makes."""

    def register(build: Callable[[str], Case]) -> Callable[[str], Case]:
        if name in MODELS:
            raise ValueError(f"two models are named {name!r}")
        MODELS[name] = Entry(build, exercises, heavy)
        return build

    return register


def numbers(*shape: int, low: float = -1.0, high: float = 1.0, seed: int = 0) -> Any:
    """Random float32 numbers that are the same each time."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def texts(*values: str | bytes) -> Any:
    """Strings as an array."""
    return np.array(values, object)
