"""Who sends an HTTP request, and whether it may send one now."""

from __future__ import annotations

from starlette.requests import Request

from headrace.core.errors import OpError
from headrace.serving.access.callers import EVERYONE, Caller
from headrace.serving.access.gate import Gate
from headrace.serving.access.policy import Credentials
from headrace.serving.rest.bodies import header

CERTIFICATE_NAMES = "certificate_names"
"""What the state of a connection has the names of the client's certificate under."""
_CALLER = "caller"
_PROTOCOL = "REST"


class Admission:
    """Asks a gate about requests.

    Args:
        gate: None lets everybody in.
    """

    def __init__(self, gate: Gate | None) -> None:
        self._gate = gate

    @property
    def asks(self) -> bool:
        """False where everybody is let in."""
        return self._gate is not None

    def admit(self, request: Request) -> Caller:
        """The caller; its name is noted in the request's state.

        Raises:
            UnauthenticatedError, RateLimitedError: see Gate.admit.
        """
        if self._gate is None:
            return EVERYONE
        caller = self._gate.admit(_credentials(request), _PROTOCOL)
        request.scope.setdefault("state", {})[_CALLER] = caller.name
        return caller

    def received(self, request: Request, caller: Caller, size: int) -> None:
        """Counts a body of `size` bytes."""
        if self._gate is not None:
            self._gate.received(caller, _credentials(request), size)

    def refused(self, request: Request, error: OpError) -> None:
        """Notes a request that was not let through; other errors are passed over."""
        if self._gate is not None:
            target = f"{request.method} {request.url.path}"
            self._gate.refused(error, caller_of(request), _address(request), target, _PROTOCOL)


def caller_of(request: Request) -> str:
    """The caller's name; "" for one without."""
    name: str = request.scope.get("state", {}).get(_CALLER, "")
    return name


def _credentials(request: Request) -> Credentials:
    names: tuple[str, ...] = request.scope.get("state", {}).get(CERTIFICATE_NAMES, ())
    return Credentials(header(request, "authorization"), names, _address(request))


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"
