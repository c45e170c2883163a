"""Models of every kind against real TensorFlow, in both directions; docs/compatibility.md is what these tests hold Headrace to."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import headrace as tf
from tests.interop import zoo, zoo_page
from tests.interop.peers import zoo_case

SIZE = zoo.size()
KNOWN = {name: line for name, line in zoo_page.known().items() if SIZE == "whole" or zoo_page.is_always(line)}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> dict[str, zoo.Outcome]:
    return zoo.run(tensorflow_python, tmp_path_factory.mktemp("zoo"), SIZE)


@pytest.mark.timeout(3600)
def test_the_page_has_every_model(outcomes: dict[str, zoo.Outcome]) -> None:
    assert list(outcomes) == list(KNOWN)
    assert len(zoo_page.known()) >= 40


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", KNOWN)
def test_a_model_does_as_the_page_says(name: str, outcomes: dict[str, zoo.Outcome]) -> None:
    outcome = outcomes[name]
    assert zoo_page.row(outcome) == KNOWN[name], outcome.document()


class Answering:
    """Stands for a loaded model that gives one answer."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def __call__(self, x: object) -> object:
        return self._answer


@pytest.mark.parametrize(
    ("wanted", "given", "problem"),
    [
        (np.float32([1, 100]), np.float32([1.005, 100]), ""),
        (np.float32([1, 100]), np.float32([1.05, 100]), "differs by 0.0005"),
        (np.float32([1, np.nan]), np.float32([1, 2]), "expected"),
        (np.float32([1, 2]), np.float32([[1, 2]]), r"float32\[1, 2\], expected float32\[2\]"),
        (np.int32([1, 2]), np.int64([1, 2]), "int64"),
        (np.int32([1, 2]), np.int32([1, 3]), "expected"),
        (np.array([b"a", b"b\0"], object), np.array([b"a", b"b"], object), "expected"),
        (np.array([b"a", b"b\0"], object), np.array([b"a", b"b\0"], object), ""),
    ],
)
def test_a_wrong_answer_is_seen(wanted: np.ndarray, given: np.ndarray, problem: str, tmp_path: Path) -> None:
    zoo_case.write_questions(tf, tmp_path, [zoo_case.call("", np.zeros(1))], [[wanted]])
    found = zoo_case.differences(tf, Answering(given), tmp_path)
    assert len(found) == bool(problem)
    assert not problem or re.search(problem, found[0])
