"""What requests of both protocols pass before they are read: who asks, how often, and word of those that were refused."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headrace.core.errors import OpError, PermissionDeniedError, UnauthenticatedError
from headrace.core.exposition import Counter, Family
from headrace.serving.access.buckets import Buckets, Spent
from headrace.serving.access.callers import Caller
from headrace.serving.access.errors import RateLimitedError
from headrace.serving.access.policy import Credentials, Policy
from headrace.serving.audit import AuditLog

_FAILURES_PER_SECOND, _FAILURES_BURST = 5.0, 20.0
"""Requests without a valid token, of one address, that are told so; more are told to wait."""
_NOTES_PER_SECOND, _NOTES_BURST = 0.1, 3.0
"""Refusals of one caller or address in the audit log, so that a flood of them leaves room for the rest."""
_BYTES_BURST_SECONDS = 10.0
Spending = Mapping[str, Sequence[Sequence[Any]]]
"""By kind of bucket: key, rate, size and amount of each that something was taken out of."""
_NOTED = (UnauthenticatedError, PermissionDeniedError)


class Gate:
    """Admits requests by a policy, which may be replaced at any time.

    Args:
        policy: who may do what.
        audit: told of refusals, within limits.
        clock: in seconds.
        shared: this is one of several processes, which tell each other what callers take (`spent` and `owe`).

    Attributes:
        policy: the one in force.
    """

    def __init__(self, policy: Policy, audit: AuditLog, clock: Callable[[], float] = time.monotonic, shared: bool = False) -> None:
        self.policy = policy
        self._audit = audit
        self._requests, self._bytes, self._failures, self._notes = (Buckets(clock, shared) for _ in range(4))
        self._all = {"requests": self._requests, "bytes": self._bytes, "failures": self._failures, "notes": self._notes}
        self._admitted = Counter("headrace_serving_caller_requests_total", "Requests admitted.", ["caller", "protocol"])
        self._limited = Counter("headrace_serving_caller_limited_total", "Requests over a limit.", ["caller", "protocol"])
        self._refused = Counter("headrace_serving_access_refused_total", "Requests refused.", ["protocol", "code"])

    def admit(self, credentials: Credentials, protocol: str, *, look: bool = False) -> Caller:
        """Who sends a request, if it may send one now; the request counts against its limit.

        Args:
            credentials: what the request shows.
            protocol: "REST" or "GRPC".
            look: does not count it yet: `admit` will be called again for the same request.

        Raises:
            UnauthenticatedError: nobody knows who it is.
            RateLimitedError: it asks for more than it may.
        """
        try:
            caller = self.policy.identify(credentials)
        except UnauthenticatedError:
            key = _network(credentials.address)
            wait = self._failures.take(key, _FAILURES_PER_SECOND, _FAILURES_BURST, amount=1.0, least=1.0)
            if wait:
                raise RateLimitedError(
                    "too many requests without a valid token came from this address", wait_seconds=wait
                ) from None
            raise
        self._check_limits(caller, credentials, protocol, look)
        if not look:
            self._admitted.add((caller.label, protocol))
        return caller

    def _check_limits(self, caller: Caller, credentials: Credentials, protocol: str, look: bool) -> None:
        limits, key = caller.limits, _key(caller, credentials)
        wait, what = 0.0, ""
        if limits.body_bytes_per_second < math.inf:
            rate = limits.body_bytes_per_second
            wait = self._bytes.take(key, rate, rate * _BYTES_BURST_SECONDS, amount=0.0, least=0.0)
            what = f"{rate:g} bytes of requests"
        if not wait and limits.requests_per_second < math.inf:
            wait = self._requests.take(key, limits.requests_per_second, limits.burst, amount=0.0 if look else 1.0, least=1.0)
            what = f"{limits.requests_per_second:g} requests"
        if wait:
            self._limited.add((caller.label, protocol))
            raise RateLimitedError(f"{caller.label} may send {what} a second; try again in {wait:.3g} s", wait_seconds=wait)

    def received(self, caller: Caller, credentials: Credentials, size: int) -> None:
        """Counts the bytes of an admitted request's body against the caller's limit, for the requests to come."""
        rate = caller.limits.body_bytes_per_second
        if rate < math.inf:
            self._bytes.take(_key(caller, credentials), rate, rate * _BYTES_BURST_SECONDS, amount=size, least=-math.inf)

    def refused(self, error: OpError, who: str, address: str, target: str, protocol: str) -> None:
        """Notes a request that was not let through. Other errors are passed over.

        Args:
            error: what it was told.
            who: the caller's name, if it is known.
            address: where it came from.
            target: what it asked for.
            protocol: "REST" or "GRPC".
        """
        if not isinstance(error, (*_NOTED, RateLimitedError)):
            return
        self._refused.add((protocol, error.code))
        key = who or _network(address)
        if isinstance(error, _NOTED) and not self._notes.take(key, _NOTES_PER_SECOND, _NOTES_BURST, amount=1.0, least=1.0):
            details = {"error": error.message, "address": address, "protocol": protocol}
            self._audit.record(who or f"anonymous@{address}", "access.refused", target, error.code, details)

    def spent(self) -> Spending:
        """What callers took here since the last call, for JSON."""
        found = {kind: buckets.spent() for kind, buckets in self._all.items()}
        return {kind: [[str(key), *each] for key, each in spent.items()] for kind, spent in found.items() if spent}

    def owe(self, spending: Spending) -> None:
        """Takes account of what callers took in other processes."""
        for kind, spent in spending.items():
            for key, rate, size, amount in spent:
                self._all[kind].owe(key, Spent(rate, size, amount))

    def families(self) -> list[Family]:
        """What it counts."""
        return [self._admitted, self._limited, self._refused]


def _key(caller: Caller, credentials: Credentials) -> str:
    """Whose bucket: the caller's, or that of the network from which somebody asks without a name."""
    return caller.name or f"@{_network(credentials.address)}"


def _network(address: str) -> str:
    """The address, or of IPv6 the /64, which one machine may have all of."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
