"""Real tensorflow_hub and `headrace.hub`: one cache, the same answers."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headrace import hub
from tests.hub.hostile_server import archive, serving
from tests.interop.environments import EnvironmentUnavailable, overlay
from tests.interop.peer_runs import run_peer

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("tensorflow_is_headrace")]

X = np.array([[1.0, 1.0], [2.0, 0.0]], np.float32)
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "plain": ({}, False),
    "arguments": ({"arguments": {"scale": 10.0}}, False),
    "not trainable": ({}, True),
    "trainable": ({"trainable": True}, True),
    "signature": ({"signature": "serving_default", "output_key": "y"}, False),
    "both": ({"signature": "serving_default"}, False),
    "unknown signature": ({"signature": "other", "output_key": "y"}, False),
    "unknown key": ({"signature": "serving_default", "output_key": "z"}, False),
    "trainable signature": ({"signature": "serving_default", "output_key": "y", "trainable": True}, False),
    "dict without signature": ({"signature_outputs_as_dict": True}, False),
}


def answer(handle: str, options: dict[str, Any], training: bool) -> dict[str, Any]:
    try:
        layer = hub.KerasLayer(handle, **options)
        value = np.asarray(layer(X, training=training)).tolist()
    except ValueError:
        return {"error": "ValueError"}
    return {"value": value, "weights": [len(layer.trainable_weights), len(layer.non_trainable_weights)]}


def folder(name: str) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.mode = tarfile.DIRTYPE, 0o755
    return found


def test_one_cache_and_the_same_answers(tmp_path: Path, tensorflow_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        packages = overlay("tensorflow-hub", ["tensorflow-hub==0.16.1", "tf-keras==2.21.0", "setuptools==80.9.0"])
    except EnvironmentUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("HEADRACE_HUB_CACHE", raising=False)
    exported = tmp_path / "exported"
    run_peer(tensorflow_python, "tensorflow_hub_peer.py", packages, "export", exported)
    members: dict[str, bytes | tarfile.TarInfo] = {}  # tensorflow_hub wants folders before what is in them
    for path in sorted(exported.rglob("*")):
        name = path.relative_to(exported).as_posix()
        members[name] = folder(name) if path.is_dir() else path.read_bytes()
    with serving() as server:
        for version in ("1", "2"):
            server.contents[f"/acme/m/{version}"] = archive(members)
        ours, theirs = f"{server.url}/acme/m/1", f"{server.url}/acme/m/2"
        here = hub.resolve(ours)
        told = run_peer(tensorflow_python, "tensorflow_hub_peer.py", packages, "use", tmp_path / "cache", ours, theirs)
        assert told["handles"][ours]["path"] == here, "tensorflow_hub finds what we have fetched"
        assert hub.resolve(theirs) == told["handles"][theirs]["path"], "and we what it has fetched"
        assert [asked[0] for asked in server.asked] == [f"/acme/m/{version}?tf-hub-format=compressed" for version in ("1", "2")]
        for handle in (ours, theirs):
            assert hub.load(handle)(X).numpy().tolist() == told["handles"][handle]["value"]
        for name, (options, training) in CASES.items():
            assert answer(ours, options, training) == told["layers"][name], name
