"""Triton's HTTP client, as it comes, against our server: every datatype, in JSON and as binary data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.peer_runs import run_peer
from tests.serving.toy_v2 import NUMPY, echoing, listening


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, tritonclient_python: Path) -> dict[str, Any]:
    with echoing(tmp_path_factory.mktemp("models")) as service, listening(service) as address:
        found: dict[str, Any] = run_peer(tritonclient_python, "triton_client.py", address)
    return found


def test_every_datatype_comes_back_as_it_was(said: dict[str, Any]) -> None:
    assert said["binary"] == dict.fromkeys(NUMPY, True)
    assert said["json"] == dict.fromkeys(NUMPY.keys() - {"FP16", "BF16"}, True)  # the client sends these as binary data only


def test_megabytes_and_compressed_bodies(said: dict[str, Any]) -> None:
    assert (said["large"], said["gzip"]) == (True, True)


def test_versions_signatures_and_mixed_inputs(said: dict[str, Any]) -> None:
    assert said["default"] == [[[2.0, 4.0], [6.0, 8.0]], "7"]
    assert said["pair"] == {"sum": [4.0, 6.0], "product": [3.0, 8.0]}


def test_what_is_told(said: dict[str, Any]) -> None:
    assert said["health"] == [True, True, True, False]
    assert said["server"]["name"] == "headrace"
    assert "binary_tensor_data" in said["server"]["extensions"]
    assert said["model"]["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert said["index"] == [{"name": "m", "version": "7", "state": "READY", "reason": ""}]


def test_errors(said: dict[str, Any]) -> None:
    assert said["errors"] == {
        "dtype": ["400", 'input "x" has dtype float64; expected float32'],
        "model": ["404", "Servable not found for request: Latest(nobody)"],
        "deflate": ["415", "Content-Encoding 'deflate' is not supported; send gzip or none"],
    }
