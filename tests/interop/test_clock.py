"""The system's clock is set back and forth by a day under a server, by libfaketime; the monotonic clock goes on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.interop import debian
from tests.serving.process import BODY, Load, serving
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import Client, outputs, predict_request

LIBRARIES = "/usr/lib"


def library() -> str:
    """The library that stands between a program and the clock."""
    try:
        debian.ensure("faketime", "faketime")
    except debian.ProgramUnavailable as error:
        pytest.fail(str(error), pytrace=False)
    found = sorted(str(path) for path in Path(LIBRARIES).glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "Debian's package libfaketime has no libfaketimeMT.so.1"
    return found[0]


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preload = library()
    clock = tmp_path / "clock"
    clock.write_text("+0d")
    monkeypatch.setenv("LD_PRELOAD", preload)
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    write_version(tmp_path / "m", 1)
    with serving(tmp_path / "m", "--port=auto", "--enable_batching", "--rest_api_timeout_in_ms=20000") as server:
        for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE"):
            monkeypatch.delenv(name)
        server.ready()
        with Load(server.url) as load, contextlib.closing(Client(server.grpc)) as client:
            for version, jump in ((2, "+1d"), (3, "-1d"), (4, "+300d"), (5, "+0d")):
                replacement = clock.with_suffix(".new")
                replacement.write_text(jump)
                os.replace(replacement, clock)
                write_version(tmp_path / "m", version, float(version))
                wait_until(lambda version=version: server.statuses().get(str(version)) == "AVAILABLE")  # type: ignore[misc]
                assert outputs(client.call("Predict", predict_request(x=np.float32([[1, 1]])))) == {"y": [[version, version]]}
                count = len(load.answers[0])
                wait_until(lambda count=count: len(load.answers[0]) > count + 5)  # type: ignore[misc]
        assert not load.faults
        assert {status for answers in load.answers for status, _ in answers} == {200}
        assert httpx.post(f"{server.url}/v1/models/m:predict", json=BODY).json() == {"predictions": [[5.0, 10.0]]}
        assert server.end() == 0
    days = {line[:10] for line in server.log}
    assert len(days) >= 4, "the server never saw another day"
