"""Sends damaged requests to a live server, and sees that it lives, answers, blames the request and does not grow.

    python -m tests.fuzz.serving.run FOLDER rest|admin|grpc --seconds 60 [--seed 0] [--case N] [--flag=--enable_batching ...]

A case is a number that decides a whole request, so that any can be run again by `--case`. No answer may be a fault of the server
(REST: 5xx but 501, 503 and 504; gRPC: UNKNOWN, INTERNAL, DATA_LOSS), undamaged requests among the others must succeed, and
afterwards the models must answer rightly, within the memory that the server had when a third of the time was over and a bit more.
Prints one JSON object; a case that breaks a rule is in its list `failures`.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import json
import socket
import subprocess
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np

from tests.fuzz.serving import grpc_cases, grpc_twins, rest_cases
from tests.fuzz.serving.rest_client import HANGS_AFTER, Outcome, RestClient
from tests.serving.process import Server, running
from tests.serving.toy import write_version
from tests.serving.toy_grpc import Client, outputs, predict_request

AT_ONCE = 4
MOST_MEBIBYTES = 64
"""By which the server may grow over two thirds of the time."""
KEPT_FAILURES = 50
_TEXT = {"Content-Type": "text/plain"}
_OURS = {"UNKNOWN", "INTERNAL", "DATA_LOSS"}
_FLAGS = (
    "--rest_api_max_body_bytes=1000000",
    "--rest_api_timeout_in_ms=20000",
    "--grpc_max_message_bytes=1000000",
    "--log_level=ERROR",
)


class GrpcClient:
    """One channel."""

    def __init__(self, server: Server) -> None:
        self._channel = grpc.insecure_channel(server.grpc, options=[("grpc.use_local_subchannel_pool", 1)])

    def ask(self, number: int) -> Outcome:
        """Sends a case and judges the answer."""
        case = grpc_cases.make(number)
        call = self._channel.unary_unary(case.path)
        try:
            answer = call(case.data, timeout=case.timeout, metadata=case.metadata, wait_for_ready=True)
        except grpc.RpcError as error:
            code, details = error.code().name, error.details()  # type: ignore[attr-defined]
            if code in _OURS:
                return code, f"{case.path}: {code} {details}"
            if case.undamaged:
                return code, f"{case.path}: an undamaged call was refused: {code} {details}"
            return code, f"no answer in {case.timeout:g} s" if code == "DEADLINE_EXCEEDED" and case.timeout >= HANGS_AFTER else ""
        return "OK", grpc_twins.fault(case.data, answer) if case.path == grpc_cases.PREDICT else ""

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


class Fuzzer:
    """One run.

    Args:
        server: what is asked.
        client: makes a client of it.
    """

    def __init__(self, server: Server, client: Callable[[], RestClient | GrpcClient]) -> None:
        self.server = server
        self.outcomes: Counter[str] = Counter()
        self.failures: list[dict[str, Any]] = []
        self.failed = 0
        self._client = client
        self._lock = threading.Lock()
        self._first = 0

    def run(self, numbers: itertools.count[int] | list[int], seconds: float) -> None:
        """Sends cases from several threads until the time, or the list of cases, is over."""
        end = time.monotonic() + seconds
        following = iter(numbers)

        def send() -> None:
            client = self._client()
            with contextlib.closing(client):
                while time.monotonic() < end and self.lives:
                    with self._lock:
                        number = next(following, None)
                    if number is None:
                        return
                    try:
                        outcome, reason = client.ask(number)
                    except Exception:  # noqa: BLE001 - a fault of the fuzzer must not look like a server without any
                        outcome, reason = "fault of the fuzzer", traceback.format_exc()
                    self._note(number, outcome, reason)

        threads = [threading.Thread(target=send) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self.lives:
            self.server.wait()
            log = "".join(self.server.log)
            log = log[log.find("Current thread") :] if "Current thread" in log else log[-3000:]
            where = f"{self.server.process.returncode} at the cases before {next(following, None)}"
            self.fail(-1, f"the server ended with {where}: {log[:3000]}")

    @property
    def lives(self) -> bool:
        """True while the server's process does."""
        return self.server.process.poll() is None

    def _note(self, number: int, outcome: str, reason: str) -> None:
        with self._lock:
            self.outcomes[outcome] += 1
        if reason:
            self.fail(number, reason)

    def fail(self, number: int, reason: str) -> None:
        """Notes a broken rule."""
        with self._lock:
            self.failed += 1
            if len(self.failures) < KEPT_FAILURES:
                self.failures.append({"case": number, "reason": reason})

    def check_answers(self) -> None:
        """Both models must answer over both protocols, and rightly."""
        url = self.server.url
        wanted = [
            (f"{url}/v1/models/m:predict", {"instances": [[1, 2]]}, {"predictions": [[2.0, 4.0]]}),
            (f"{url}/v1/models/heads:regress", {"signature_name": "regress", "examples": [{"x": 0.5}]}, {"results": [10.0]}),
        ]
        for address, body, answer in wanted:
            response = httpx.post(address, json=body, timeout=HANGS_AFTER)
            if (response.status_code, response.json()) != (200, answer):
                self.fail(-1, f"{address} answers {response.status_code} {response.text[:300]}")
        with contextlib.closing(Client(self.server.grpc)) as client:
            found = outputs(client.call("Predict", predict_request(x=np.float32([[1, 2]]))))
        if found != {"y": [[2.0, 4.0]]}:
            self.fail(-1, f"Predict answers {found}")

    def check_reload(self, port: int, config: Path) -> None:
        """The first list of models must be taken again, whatever the cases have made of it."""
        url = f"http://127.0.0.1:{port}/admin/v1"
        answer = httpx.post(f"{url}/models:reload", content=config.read_text(), headers=_TEXT, timeout=HANGS_AFTER)
        if (answer.status_code, answer.json().get("complete")) != (200, True):
            self.fail(-1, f"the list of models is not taken any more: {answer.status_code} {answer.text[:300]}")
        answer = httpx.put(f"{url}/traffic", json={"models": {}}, timeout=HANGS_AFTER)
        if answer.status_code != 200:
            self.fail(-1, f"traffic rules are not taken any more: {answer.status_code} {answer.text[:300]}")


CLIENTS: dict[str, Callable[[Server, int], RestClient | GrpcClient]] = {
    "rest": lambda server, _: RestClient(int(server.url.rpartition(":")[2])),
    "admin": lambda _, port: RestClient(port, rest_cases.make_admin),
    "grpc": lambda server, _: GrpcClient(server),
}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def memory(pid: int) -> float:
    """What a process has in memory, in MiB."""
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout) / 1024


def configuration(folder: Path) -> Path:
    """A file that lists the two models, which are written too."""
    text = ""
    for name in ("m", "heads"):
        write_version(folder / name, 1, 2.0)
        text += f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" '
        text += 'version_labels { key: "stable" value: 1 } }\n'
    file = folder / "models.config"
    file.write_text(f"model_config_list {{ {text} }}")
    return file


def main() -> None:
    """Runs cases until the time is over."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("protocol", choices=list(CLIENTS))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int)
    parser.add_argument("--flag", action="append", default=[], help="of the server")
    given = parser.parse_args()
    config = configuration(given.folder)
    labels = "--allow_version_labels_for_unavailable_models"
    admin_port = free_port()
    flags = [f"--model_config_file={config}", labels, "--port=auto", f"--admin_port={admin_port}", *_FLAGS, *given.flag]
    with running(*flags, module="tests.fuzz.serving.target") as server:
        fuzzer = Fuzzer(server.ready(), functools.partial(CLIENTS[given.protocol], server, admin_port))
        cases = itertools.count(given.seed) if given.case is None else [given.case]
        fuzzer.run(cases, given.seconds / 3)
        before = grown = 0.0
        if fuzzer.lives:
            before = memory(server.process.pid)
            if given.case is None:
                fuzzer.run(cases, given.seconds * 2 / 3)
        if fuzzer.lives:
            if given.protocol == "admin":
                fuzzer.check_reload(admin_port, config)
            fuzzer.check_answers()
            grown = memory(server.process.pid) - before
            if server.end() != 0:
                fuzzer.fail(-1, f"the server ended with {server.process.returncode}")
        if grown > MOST_MEBIBYTES:
            fuzzer.fail(-1, f"the server grew by {grown:.0f} MiB")
        for line in server.log:
            if "Traceback" in line:
                fuzzer.fail(-1, f"in the log: {line[-1500:]}")
    report = {
        "cases": fuzzer.outcomes.total(),
        "outcomes": dict(fuzzer.outcomes.most_common()),
        "memory": round(before),
        "grown": round(grown, 1),
        "failed": fuzzer.failed,
        "failures": fuzzer.failures,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
