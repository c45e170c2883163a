"""A caller's limits where several processes count: in simulated time, and over a real server of two."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import httpx
import pytest

from headrace.core.errors import UnauthenticatedError
from headrace.core.tokens import token_hash
from headrace.serving.access.buckets import MAX_KEYS, Buckets, Spent
from headrace.serving.access.configuration import parse_access
from headrace.serving.access.errors import RateLimitedError
from headrace.serving.access.gate import Gate
from headrace.serving.access.policy import Credentials
from headrace.serving.audit import AuditLog
from headrace.serving.processes.allowances import Allowances
from tests.serving.process import BODY, running
from tests.serving.toy import write_version

RATE, BURST = 20.0, 30.0
TOKEN = "headrace_token-of-batch"
TEXT = f"""
[callers.batch]
token_sha256 = ["{token_hash(TOKEN)}"]
roles = ["predict", "admin"]
models = ["*"]
requests_per_second = %g
burst = %g
"""
MAY = Credentials(f"Bearer {TOKEN}", address="192.0.2.1")


class Processes:
    """The gates of several processes and of their supervisor, which tell each other every tenth of a second."""

    def __init__(self, count: int) -> None:
        self.now = 0.0
        policy = parse_access((TEXT % (RATE, BURST)).encode(), "access.toml")
        self.own, *self.gates = [Gate(policy, AuditLog(), lambda: self.now, shared=True) for _ in range(count + 1)]
        self.allowances = Allowances(self.own)
        self.share()

    def share(self, *but: int) -> None:
        for index, gate in enumerate(self.gates):
            if index not in but:
                gate.owe(json.loads(json.dumps(self.allowances.exchange(index, json.loads(json.dumps(gate.spent()))))))

    def admitted(self, seconds: float, *asked: int, but: tuple[int, ...] = ()) -> int:
        """How many requests are let in when each process of `asked` is sent a hundred a second."""
        found = 0
        for step in range(round(seconds * 100)):
            self.now += 0.01
            for index in asked:
                try:
                    self.gates[index].admit(MAY, "REST")
                    found += 1
                except RateLimitedError:
                    pass
            if step % 10 == 9:
                self.share(*but)
        return found


@pytest.mark.parametrize("count", [1, 2, 4])
def test_the_pace_is_that_of_one_whoever_is_asked(count: int) -> None:
    processes = Processes(count)
    everywhere = processes.admitted(60, *range(count))
    assert RATE * 60 <= everywhere <= RATE * 60 + count * BURST
    assert RATE * 20 * 0.9 <= processes.admitted(20, *range(count)) <= RATE * 20 * 1.1
    assert RATE * 20 * 0.9 <= processes.admitted(20, 0) <= RATE * 20 * 1.1


def test_what_came_at_once_is_paid_back() -> None:
    processes = Processes(4)
    burst = processes.admitted(0.4, 0, 1, 2, 3)
    assert burst <= 4 * BURST + RATE
    processes.now += 10.0  # in which less than was taken too much has flowed in
    rest = processes.admitted(50, 0, 1, 2, 3)
    assert burst + rest <= RATE * 60.4 + 2 * BURST


def test_what_is_asked_on_the_admin_port_counts_too() -> None:
    processes = Processes(2)
    for _ in range(int(BURST)):
        processes.own.admit(MAY, "REST")
    processes.share()
    with pytest.raises(RateLimitedError):
        processes.gates[1].admit(MAY, "REST")
    processes.now += 100.0
    assert processes.admitted(0.5, 0) >= BURST
    with pytest.raises(RateLimitedError):
        processes.own.admit(MAY, "REST")


def test_one_that_is_silent_hears_it_all_later_and_one_that_ended_is_forgotten() -> None:
    processes = Processes(2)
    processes.admitted(30, 0, but=(1,))
    processes.share()
    with pytest.raises(RateLimitedError) as refused:
        processes.gates[1].admit(MAY, "REST")
    assert refused.value.retry_after_seconds >= 30  # it had been full all the time
    processes.allowances.drop(1)
    processes.share(1)
    assert processes.allowances.exchange(1, {}) == {}


def test_guesses_of_tokens_are_counted_together() -> None:
    processes = Processes(2)
    found = []
    for number in range(60):
        try:
            processes.gates[number % 2].admit(Credentials("Bearer wrong", address="192.0.2.9"), "REST")
        except (UnauthenticatedError, RateLimitedError) as error:
            found.append(error.code)
        if number % 10 == 9:
            processes.share()
    assert found.count("UNAUTHENTICATED") <= 30


def test_what_was_taken_is_kept_within_bounds_and_told_once() -> None:
    buckets = Buckets(lambda: 0.0, shared=True)
    for number in range(MAX_KEYS + 10):
        buckets.take(number, 1.0, 5.0, amount=1.0, least=1.0)
    buckets.take(3, 1.0, 5.0, amount=2.0, least=1.0)
    spent = buckets.spent()
    assert (len(spent), spent[5], buckets.spent()) == (MAX_KEYS, Spent(1.0, 5.0, 1.0), {})
    alone = Buckets(lambda: 0.0)
    alone.take("a", 1.0, 5.0, amount=1.0, least=1.0)
    assert alone.spent() == {}


@pytest.mark.skipif(sys.platform != "linux", reason="several processes on one port need Linux")
def test_two_processes_keep_one_pace(tmp_path: Path) -> None:
    write_version(tmp_path / "m", 1, 2.0)
    (tmp_path / "access.toml").write_text(TEXT % (5, 5))
    flags = [f"--access_config_file={tmp_path / 'access.toml'}", "--num_processes=2"]
    with running(f"--model_base_path={tmp_path / 'm'}", "--model_name=m", *flags) as server:
        server.ready()
        began, found = time.monotonic(), 0
        while found < 60 and time.monotonic() - began < 120:
            answer = httpx.post(
                f"{server.url}/v1/models/m:predict", json=BODY, headers={"authorization": f"Bearer {TOKEN}"}, timeout=60
            )
            found += answer.status_code == 200
        seconds = time.monotonic() - began
        assert found == 60
        assert found <= 5 * seconds + 2 * 5 + 5  # alone, each would have let in as many
        assert server.end() == 0
