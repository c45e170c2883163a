"""A run of the model zoo: TensorFlow writes models, Headrace answers and saves them again, TensorFlow answers for those."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import headrace as tf
from headrace.core.errors import HeadraceError
from tests.interop.peer_runs import run_peer
from tests.interop.peers import zoo_case

SECONDS = 3000.0
"""The most that TensorFlow may take for the whole zoo."""


@dataclass
class Outcome:
    """What became of a model.

    Attributes:
        name: the model's.
        exercises: what it is there for.
        heavy: whether the short run leaves it out.
        there: what is wrong with what Headrace makes of TensorFlow's model; empty when nothing is.
        back: the same of what TensorFlow makes of the model that Headrace saved again, functions that were left out included.
        seconds: how long Headrace took.
    """

    name: str
    exercises: str
    heavy: bool
    there: str = ""
    back: str = ""
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def size() -> str:
    """`whole` when the environment variable HEADRACE_ZOO says so, else `short`."""
    chosen = os.environ.get("HEADRACE_ZOO", "short")
    if chosen not in ("short", "whole"):
        raise ValueError(f"HEADRACE_ZOO is {chosen!r}; expected 'short' or 'whole'")
    return chosen


def run(python: Path, folder: Path, chosen: str, names: Sequence[str] = ()) -> dict[str, Outcome]:
    """Every model's outcome.

    Args:
        python: of the environment with TensorFlow.
        folder: an empty one.
        chosen: `short` or `whole`.
        names: the models to take; by default all.
    """
    written = run_peer(python, "zoo.py", "write", folder, chosen, *names, timeout=SECONDS)
    outcomes = {name: answer(Outcome(name, **row), folder / name) for name, row in written.items()}
    for name, problems in run_peer(python, "zoo.py", "check", folder, timeout=SECONDS).items():
        outcomes[name].back = "; ".join(filter(None, [outcomes[name].back, *problems]))
    return outcomes


def answer(outcome: Outcome, folder: Path) -> Outcome:
    """Asks a model of TensorFlow and saves it again."""
    started = time.monotonic()
    try:
        outcome.there = "; ".join(zoo_case.differences(tf, tf.saved_model.load(folder / "model"), folder))
    except HeadraceError as error:
        outcome.there = f"{type(error).__name__}: {error}"
    try:
        # A fresh copy: the questions may have changed its variables.
        loaded = tf.saved_model.load(folder / "model")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tf.saved_model.save(loaded, folder / "again", signatures=dict(loaded.signatures))
        outcome.back = "; ".join(str(warning.message) for warning in caught)
    except HeadraceError as error:
        outcome.back = f"not saved again: {type(error).__name__}: {error}"
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome
