"""Fixtures that give the Python of another framework; a test that asks for one fails when it cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import environments


def _python(name: str) -> Path:
    try:
        return environments.ensure(name)
    except environments.EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def tensorflow_python() -> Path:
    """The Python of the environment with real TensorFlow."""
    return _python("tensorflow")


@pytest.fixture(scope="session")
def openvino_python() -> Path:
    """The Python of the environment with OpenVINO."""
    return _python("openvino")


@pytest.fixture(scope="session")
def tritonclient_python() -> Path:
    """The Python of the environment with Triton's client."""
    return _python("tritonclient")


@pytest.fixture(scope="session")
def schemathesis_python() -> Path:
    """The Python of the environment with schemathesis."""
    return _python("schemathesis")


@pytest.fixture(scope="session")
def oras_python() -> Path:
    """The Python of the environment with the oras library."""
    return _python("oras")
