"""Every pipeline gives what real TensorFlow's gives: elements, specs, cardinalities and the classes of errors."""

from __future__ import annotations

import builtins
import hashlib
import json
import os
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as tf
from tests.data.pipeline import case, cases
from tests.interop import environments
from tests.interop.peer_runs import run_module
from tests.ops.exchange import decode

MODULES = sorted(m.name for m in pkgutil.iter_modules(cases.__path__))
ALL = [(module, name) for module in MODULES for name in case.load(module)]

pytestmark = pytest.mark.interop


@pytest.fixture(scope="session")
def answers(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Real TensorFlow's answers, kept by the content of the files that decide them."""
    try:
        python = environments.ensure("tensorflow")
    except environments.EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    assert request.config.cache is not None
    here = Path(__file__).parent
    sources = sorted([*here.glob("cases/*.py"), here / "case.py", here / "peer_tensorflow.py"])
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in sources)).hexdigest()[:24]
    kept = request.config.cache.mkdir("headrace-pipelines") / f"{digest}.json"
    if not kept.exists():
        partial = kept.with_suffix(f".{os.getpid()}")
        run_module(python, "tests.data.pipeline.peer_tensorflow", partial, *MODULES)
        partial.replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


@pytest.mark.parametrize(("module", "name"), ALL, ids=[f"{m}-{n}" for m, n in ALL])
def test_case(module: str, name: str, answers: dict[str, Any]) -> None:
    expected = answers[module][name]
    found = json.loads(json.dumps(case.answer(tf, case.load(module)[name])))
    if "error" in expected:
        assert "error" in found, f"expected {expected}; got {found}"
        assert issubclass(_error(found["error"]), _error(expected["error"])), f"{found} instead of {expected}"
    else:
        assert _same(found, expected), f"{found}\ninstead of\n{expected}"


def _same(found: Any, expected: Any) -> bool:
    """Equal, floating point numbers up to rounding."""
    if isinstance(expected, dict) and "data" in expected:
        a, b = decode(found), decode(expected)
        return a.dtype == b.dtype and a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
    if isinstance(expected, dict):
        return isinstance(found, dict) and found.keys() == expected.keys() and all(_same(found[k], expected[k]) for k in expected)
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(_same, found, expected))
    return bool(found == expected)


def _error(name: str) -> type[Exception]:
    """The class of that name: one of TensorFlow's errors, or Python's own."""
    found: type[Exception] = getattr(tf.errors, name, None) or getattr(builtins, name)
    return found
