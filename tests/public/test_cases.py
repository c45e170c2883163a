"""Every case, eagerly and as a tf.function, gives what real TensorFlow gives: values, dtypes and gradients, or the error."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from tests.interop import environments
from tests.interop.peer_runs import run_module
from tests.ops.exchange import decode
from tests.public import case, cases

MODULES = sorted(m.name for m in pkgutil.iter_modules(cases.__path__))
ALL = [(module, name) for module in MODULES for name in case.load(module)]
Answers = Callable[[str], dict[str, Any]]

pytestmark = pytest.mark.interop


@pytest.fixture(scope="session")
def answers(request: pytest.FixtureRequest) -> Answers:
    """Real TensorFlow's answers to a module of cases, kept by the content of the files that decide them."""
    try:
        python = environments.ensure("tensorflow")
    except environments.EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("headrace-public")

    @cache
    def ask(module: str) -> dict[str, Any]:
        here = Path(__file__).parent
        sources = [here / "cases" / f"{module}.py", here / "case.py", here / "peer_tensorflow.py"]
        digest = hashlib.sha256(b"".join(f.read_bytes() for f in sources)).hexdigest()[:24]
        kept = folder / f"{module}-{digest}.json"
        if not kept.exists():
            partial = kept.with_suffix(f".{os.getpid()}")
            run_module(python, "tests.public.peer_tensorflow", module, partial)
            partial.replace(kept)
        found: dict[str, Any] = json.loads(kept.read_text())
        return found

    return ask


@pytest.mark.parametrize("in_function", [False, True], ids=["eager", "function"])
@pytest.mark.parametrize(("module", "name"), ALL, ids=[f"{m}-{n}" for m, n in ALL])
def test_case(module: str, name: str, in_function: bool, answers: Answers) -> None:
    item = case.load(module)[name]
    if in_function and not item.in_function:
        pytest.skip("eager only")
    expected = answers(module)[name]
    if "error" in expected:
        with pytest.raises(_error(expected["error"])):
            case.evaluate(tf, name, item, in_function=in_function)
        return
    outputs, gradients = case.evaluate(tf, name, item, in_function=in_function)
    _compare(outputs, expected["outputs"], item, "output")
    _compare(gradients, expected["gradients"], item, "gradient")


def _error(name: str) -> type[Exception]:
    """The class of that name: one of TensorFlow's errors, or Python's own."""
    found: type[Exception] = getattr(tf.errors, name, None) or getattr(builtins, name)
    return found


def _compare(found: list[Any], expected: list[Any], item: case.Case, what: str) -> None:
    assert len(found) == len(expected)
    for index, (actual, encoded) in enumerate(zip(found, expected, strict=True)):
        if encoded is None or actual is None:
            assert actual is encoded, f"{what} {index}: {actual!r}, TensorFlow {encoded!r}"
            continue
        wanted = decode(encoded)
        label = f"{what} {index}"
        assert (actual.dtype, actual.shape) == (wanted.dtype, wanted.shape), label
        if actual.dtype.kind in "fcV" or "float" in actual.dtype.name:
            wide = np.complex128 if actual.dtype.kind == "c" else np.float64
            np.testing.assert_allclose(
                actual.astype(wide), wanted.astype(wide), rtol=item.tolerance, atol=item.tolerance, err_msg=label
            )
        else:
            np.testing.assert_array_equal(actual, wanted, err_msg=label)
