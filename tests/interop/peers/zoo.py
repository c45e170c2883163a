"""Runs under real TensorFlow; prints one JSON document.

zoo.py write FOLDER SIZE [NAME ...]    writes the models of the zoo (SIZE: short or whole) with questions and TensorFlow's answers
zoo.py check FOLDER                    loads what Headrace saved again, and says what is wrong with it, by model
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
import zoo_case

REFUSALS = (tf.errors.OpError, AttributeError, KeyError, TypeError, ValueError)
"""What TensorFlow raises for a model that it cannot load or run."""


def write(folder: str, size: str, *names: str) -> dict[str, Any]:
    """Writes each model, and returns what it exercises."""
    from zoo_models import MODELS

    document = {}
    for name, entry in MODELS.items():
        if name in names or (not names and (size == "whole" or not entry.heavy)):
            tf.keras.utils.set_random_seed(7)
            _write(Path(folder) / name, entry.build)
            document[name] = {"exercises": entry.exercises, "heavy": entry.heavy}
            tf.keras.backend.clear_session()
    return document


def _write(folder: Path, build: Any) -> None:
    files = folder / "files"
    files.mkdir(parents=True)
    case = build(str(files))
    if case.save is None:
        tf.saved_model.save(case.model, str(folder / "model"), signatures=case.signatures)
    else:
        case.save(str(folder / "model"))
    # What is compared is what a TensorFlow program would get from the file.
    loaded = tf.saved_model.load(str(folder / "model"))
    answers = [zoo_case.ask(tf, loaded, question) for question in case.questions]
    zoo_case.write_questions(tf, folder, case.questions, answers)


def check(folder: str) -> dict[str, list[str]]:
    """What differs, or fails, in each model that Headrace saved again."""
    document = {}
    for again in sorted(Path(folder).glob("*/again")):
        try:
            found = zoo_case.differences(tf, tf.saved_model.load(str(again)), again.parent)
        except REFUSALS as error:
            found = [f"{type(error).__name__}: {error}"]
        document[again.parent.name] = found
    return document


if __name__ == "__main__":
    commands = {"write": write, "check": check}
    result = commands[sys.argv[1]](*sys.argv[2:])
    print()
    print(json.dumps(result))
