"""The gate: limits over time, floods, and what is told of them."""

from __future__ import annotations

import threading

import pytest

from headrace.core.errors import NotFoundError, PermissionDeniedError, UnauthenticatedError
from headrace.core.exposition import render
from headrace.serving.access import buckets
from headrace.serving.access.buckets import Buckets
from headrace.serving.access.errors import RateLimitedError
from headrace.serving.access.gate import Gate
from headrace.serving.access.policy import Credentials
from headrace.serving.audit import AuditLog
from tests.serving.access.people import OPEN, TEXT, TOKENS, policy


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_and_is_never_more_than_full() -> None:
    clock = Clock()
    found = Buckets(clock)
    assert [found.take("k", 2.0, 3.0, 1.0, 1.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.now += 0.5
    assert [found.take("k", 2.0, 3.0, 1.0, 1.0) for _ in range(2)] == [0.0, 0.5]
    clock.now += 1000
    assert [found.take("k", 2.0, 3.0, 1.0, 1.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert found.take("other", 2.0, 3.0, 1.0, 1.0) == 0.0


def test_a_bucket_in_debt_is_paid_off() -> None:
    clock = Clock()
    found = Buckets(clock)
    assert found.take("k", 10.0, 100.0, 1100.0, -1e9) == 0.0
    assert found.take("k", 10.0, 100.0, 0.0, 0.0) == 100.0
    clock.now += 100
    assert found.take("k", 10.0, 100.0, 0.0, 0.0) == 0.0


def test_keys_are_bounded_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MAX_KEYS", 3)
    found = Buckets(Clock())
    for key in "abcad":  # "a" was used again, so "b" goes
        found.take(key, 1.0, 2.0, 1.0, 1.0)
    assert len(found) == 3
    assert found.take("a", 1.0, 2.0, 1.0, 1.0) > 0
    assert found.take("b", 1.0, 2.0, 1.0, 1.0) == 0


def test_threads_take_no_more_than_there_is() -> None:
    found, taken = Buckets(Clock()), []

    def take() -> None:
        taken.extend(found.take("k", 1.0, 100.0, 1.0, 1.0) == 0.0 for _ in range(100))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), sum(taken)) == (800, 100)


def show(name: str = "", address: str = "10.0.0.1") -> Credentials:
    return Credentials(f"Bearer {TOKENS.get(name, name)}" if name else "", address=address)


def test_requests_of_a_caller_are_limited_whatever_its_address() -> None:
    clock = Clock()
    gate = Gate(policy(), AuditLog(), clock)
    for address in ("10.0.0.1", "10.0.0.2"):
        assert gate.admit(show("slow", address), "REST").name == "slow"
    with pytest.raises(RateLimitedError, match=r"slow may send 0.001 requests a second; try again in 1e\+03 s") as caught:
        gate.admit(show("slow", "10.0.0.3"), "GRPC")
    assert caught.value.retry_after_seconds == 1000
    gate.admit(show("risk"), "REST")
    clock.now += 1000
    gate.admit(show("slow"), "REST")
    assert 'headrace_serving_caller_limited_total{caller="slow",protocol="GRPC"} 1' in render(gate.families())
    assert 'headrace_serving_caller_requests_total{caller="slow",protocol="REST"} 3' in render(gate.families())


def test_a_look_takes_nothing() -> None:
    gate = Gate(policy(), AuditLog(), Clock())
    for _ in range(9):
        gate.admit(show("slow"), "GRPC", look=True)
    for _ in range(2):
        gate.admit(show("slow"), "GRPC")
    with pytest.raises(RateLimitedError):
        gate.admit(show("slow"), "GRPC", look=True)


def test_bytes_are_paid_for_by_the_requests_to_come() -> None:
    clock = Clock()
    gate = Gate(policy(), AuditLog(), clock)
    caller = gate.admit(show("heavy"), "REST")
    gate.received(caller, show("heavy"), 60)  # ten may come at once
    with pytest.raises(RateLimitedError, match="1 bytes of requests a second; try again in 50 s"):
        gate.admit(show("heavy"), "REST")
    clock.now += 50
    gate.admit(show("heavy"), "REST")


def test_the_anonymous_are_limited_by_address_and_of_ipv6_by_network() -> None:
    gate = Gate(policy(TEXT + OPEN), AuditLog(), Clock())
    for address in ("10.0.0.1", "10.0.0.2", "2001:db8:1:2::1"):
        for _ in range(3):
            gate.admit(show(address=address), "REST")
    for address in ("10.0.0.1", "10.0.0.2", "2001:db8:1:2:ffff::9", "2001:db8:1:2::1%eth0"):
        with pytest.raises(RateLimitedError, match=r"\(anonymous\) may send"):
            gate.admit(show(address=address), "REST")
    gate.admit(show(address="2001:db8:1:3::1"), "REST")


def test_a_flood_of_wrong_tokens_is_slowed_and_leaves_little_behind() -> None:
    clock, audit = Clock(), AuditLog()
    gate = Gate(policy(), audit, clock)
    kinds: list[type[Exception]] = []
    for number in range(1000):
        try:
            gate.admit(show(f"guess-{number}"), "REST")
        except (RateLimitedError, UnauthenticatedError) as error:
            kinds.append(type(error))
            gate.refused(error, "", "10.0.0.1", "POST /v1/models/m:predict", "REST")
    assert (kinds.count(UnauthenticatedError), kinds.count(RateLimitedError)) == (20, 980)
    assert gate.admit(show("risk"), "REST").name == "risk"  # from the same address
    with pytest.raises(UnauthenticatedError):
        gate.admit(show("guess", "10.0.0.2"), "REST")
    assert len(audit.recent()) == 3
    event = audit.recent(1)[0]
    assert (event.who, event.action, event.outcome) == ("anonymous@10.0.0.1", "access.refused", "UNAUTHENTICATED")
    assert "guess" not in str(audit.recent())
    page = render(gate.families())
    assert 'headrace_serving_access_refused_total{protocol="REST",code="UNAUTHENTICATED"} 20' in page
    assert 'headrace_serving_access_refused_total{protocol="REST",code="RESOURCE_EXHAUSTED"} 980' in page


def test_other_errors_are_none_of_its_business() -> None:
    audit = AuditLog()
    gate = Gate(policy(), audit)
    gate.refused(PermissionDeniedError("no"), "risk", "10.0.0.1", "x", "GRPC")
    gate.refused(NotFoundError("no"), "risk", "10.0.0.1", "x", "GRPC")
    assert [(event.who, event.outcome) for event in audit.recent()] == [("risk", "PERMISSION_DENIED")]
