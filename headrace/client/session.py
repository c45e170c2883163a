"""What the clients of both kinds share: settings, checks, and the choice of the protocol."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.client import address, examples, values
from headrace.client.answers import Classes
from headrace.client.exchange import Calls, Steps, Target
from headrace.client.grpc.calls import GrpcCalls
from headrace.client.rest.calls import RestCalls
from headrace.client.retries import Attempts, Budget, Retries
from headrace.client.tls import Tls, ssl_context
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError
from headrace.proto.tensors import Array

_NEVER = Retries(limit=0)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a client.

    Attributes:
        max_response_bytes: of an answer.
        connections: of REST, kept open and used at once; gRPC sends all calls over one.
    """

    max_response_bytes: int = 128 << 20
    connections: int = 32

    def __post_init__(self) -> None:
        if self.max_response_bytes < 1 or self.connections < 1:
            raise InvalidArgumentError(
                f"max_response_bytes is {self.max_response_bytes} and connections {self.connections}; expected at least 1 of each"
            )


class Session:
    """A client's state apart from its connections; what it is given is described at `Client`."""

    def __init__(self, place: str, timeout: float, retries: Retries | int, tls: Tls | None, limits: Limits) -> None:
        self.address = address.parse(place)
        if tls is not None and not self.address.secure:
            raise InvalidArgumentError(f"tls was given for {place!r}, which is plain text; expected https:// or grpcs://")
        self.tls = tls or Tls()
        if self.address.secure:
            ssl_context(self.tls)  # gRPC would only log what is wrong with the texts
        self.limits = limits
        self._timeout = _checked(timeout)
        self._retries = Retries(limit=retries) if isinstance(retries, int) else retries
        self._budget = Budget(self._retries)
        self.calls: Calls = GrpcCalls(limits.max_response_bytes) if self.address.grpc else RestCalls(self.address.prefix)
        self.closed = False

    def attempts(self, timeout: float | None, retry: bool = True) -> Attempts:
        """The tries of a new call.

        Raises:
            FailedPreconditionError: the client is closed.
            InvalidArgumentError: `timeout` is no number above 0.
        """
        if self.closed:
            raise FailedPreconditionError("the client is closed; make a new one")
        seconds = self._timeout if timeout is None else _checked(timeout)
        return Attempts(self._retries if retry else _NEVER, self._budget, seconds)

    def predict(self, target: Target, inputs: Mapping[str, Any], outputs: Sequence[str]) -> Steps[dict[str, Array]]:
        """The steps of a predict call."""
        if isinstance(outputs, str):
            raise InvalidArgumentError(f"outputs is {outputs!r}; expected a list or tuple of names")
        return self.calls.predict(target, values.to_arrays(inputs), list(outputs))

    def classify(self, target: Target, given: Sequence[Any], context: Any) -> Steps[list[Classes]]:
        """The steps of a classify call."""
        return self.calls.classify(target, examples.to_examples(given), _context(context))

    def regress(self, target: Target, given: Sequence[Any], context: Any) -> Steps[Array]:
        """The steps of a regress call."""
        return self.calls.regress(target, examples.to_examples(given), _context(context))


def _context(value: Any) -> Any:
    return None if value is None else examples.to_example(value, "the context")


def _checked(timeout: float) -> float:
    if not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise InvalidArgumentError(f"timeout is {timeout!r}; expected a finite number of seconds above 0")
    return timeout
