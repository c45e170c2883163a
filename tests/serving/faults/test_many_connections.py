"""A server that holds thousands of connections goes on answering, and gives back what they took."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.serving.process import Load, serving
from tests.serving.toy import wait_until, write_version

CONNECTIONS = int(os.environ.get("HEADRACE_CONNECTIONS", "1000"))
"""10,000 take some 4 s on a quiet machine, and more open files than some allow."""
CLIENT = Path(__file__).with_name("many_connections.py")


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how many files a process has open")
def test_requests_are_answered_beside_thousands_of_connections(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < CONNECTIONS + 512:
        pytest.fail(f"this machine lets no process open {CONNECTIONS + 512} files; set HEADRACE_CONNECTIONS to a lower number")
    write_version(tmp_path, 1)
    with serving(tmp_path, "--rest_api_receive_timeout_in_ms=600000") as server:
        server.ready()
        before = open_files(server.process.pid)
        command = [sys.executable, str(CLIENT), server.url.rpartition(":")[2], str(CONNECTIONS)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            assert client.stdin is not None
            assert client.stdout.readline() == "open\n"
            wait_until(lambda: open_files(server.process.pid) >= before + CONNECTIONS)  # the last ones may not be accepted yet
            with Load(server.url) as load:
                wait_until(lambda: all(len(answers) > 20 for answers in load.answers))
            assert not load.faults
            assert {status for answers in load.answers for status, _ in answers} == {200}
            client.stdin.close()
            assert int(client.stdout.readline()) == CONNECTIONS // 2
            assert client.wait(60) == 0
        wait_until(lambda: open_files(server.process.pid) < before + 20)
        assert re.search(
            r'request_count\{model_name="m",status="OK"\} \d+', httpx.get(f"{server.url}/monitoring/prometheus/metrics").text
        )
        assert server.end() == 0
