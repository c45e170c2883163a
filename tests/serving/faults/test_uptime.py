"""A server that runs for long: connections and reloads, however many, leave no files, threads or memory behind."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from headrace.proto import serving as messages
from tests.serving.fleet import config
from tests.serving.process import Server, running
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import Client, predict_request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process has")

ROUND = int(os.environ.get("HEADRACE_UPTIME", "60"))
"""Connections of each kind in a round, and ten times as many as there are reloads; 2000 is a run by hand."""
ROUNDS = 4
MOST_MEBIBYTES = 12
"""By which memory may grow after the first round."""
NATIVE = pytest.param("native", marks=pytest.mark.skipif(importlib.util.find_spec("pygrpc_native") is None, reason="not installed"))
LIVE = b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Held:
    """What a process has; memory is in MiB."""

    files: int
    threads: int
    memory: float


def held(pid: int) -> Held:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Held(len(os.listdir(f"/proc/{pid}/fd")), int(lines["Threads"]), int(lines["VmRSS"].split()[0]) / 1024)


def connect(server: Server, number: int) -> None:
    """One connection to REST: asks and is answered, says a part of a request, says nothing, or breaks off."""
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    with socket.create_connection(address, 60) as connection:
        if number % 4 == 0:
            connection.sendall(LIVE)
            while connection.recv(4096):
                pass
        elif number % 4 == 1:
            connection.sendall(LIVE[:20])
        elif number % 4 == 2:
            connection.sendall(LIVE)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def reload(client: Client, folder: Path, number: int) -> None:
    """Another list of models: `b` comes and goes, `a` changes its version, and with it all that was loaded."""
    models = {"a": {"base_path": folder / "a", "versions": [1 + number % 2]}, **({"b": folder / "b"} if number % 2 else {})}
    request = messages.ReloadConfigRequest(config=config(**models))
    assert client.call("HandleReloadConfigRequest", request).status.error_code == 0
    wait_until(lambda: version(client) == 1 + number % 2)


def version(client: Client) -> int:
    """The version of `a` that answers."""
    return int(client.call("Predict", predict_request(name="a", x=np.float32([[1, 2]]))).model_spec.version.value)


@pytest.mark.parametrize("front_end", ["grpcio", NATIVE])
def test_nothing_is_left_behind(tmp_path: Path, front_end: str) -> None:
    for each in (1, 2):
        write_version(tmp_path / "a", each, 1.0)
    write_version(tmp_path / "b", 1, 1.0)
    (tmp_path / "models").write_text(str(config(a=tmp_path / "a")))
    flags = ["--port=auto", f"--grpc_front_end={front_end}", "--enable_batching", "--log_level=ERROR"]
    with running(f"--model_config_file={tmp_path / 'models'}", *flags) as server:
        pid = server.ready().process.pid
        first: Held | None = None
        for _ in range(ROUNDS):
            with contextlib.closing(Client(server.grpc)) as client:
                for number in range(-(-ROUND // 10)):
                    reload(client, tmp_path, number)
            for number in range(ROUND):
                connect(server, number)
                if number % 3 == 0:
                    with contextlib.closing(Client(server.grpc)) as client:
                        version(client)
            time.sleep(1.2)  # in which memory that is free is given back
            limit = first or held(pid)
            wait_until(lambda: held(pid).files <= limit.files and held(pid).threads <= limit.threads)  # noqa: B023
            first = limit
        with contextlib.closing(Client(server.grpc)) as client:
            assert version(client)
        assert first is not None
        assert held(pid).memory - first.memory < MOST_MEBIBYTES
        assert server.end() == 0
    assert server.log == []
