"""The client for threads."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

from headrace.client.answers import Classes, Metadata, VersionStatus
from headrace.client.exchange import Exchange, Steps, Target
from headrace.client.grpc.transport import GrpcTransport
from headrace.client.rest.transport import HttpTransport
from headrace.client.retries import Attempts, Retries
from headrace.client.session import Limits, Session
from headrace.client.tls import Tls
from headrace.core.errors import UnavailableError
from headrace.proto.tensors import Array

T = TypeVar("T")


class Client:
    """A client of one model server. Threads may share it; its connections are kept until it is closed (`with`).

    Args:
        address: `http://host:port`, `https://...`, `grpc://host:port`, `grpcs://...`, or `unix:/path` of a gRPC server's socket.
        timeout: seconds for each call, its retries included.
        retries: how often calls that find the server UNAVAILABLE are made again; 0 for never.
        tls: certificates for `https` and `grpcs`.
        limits: bounds of answers and connections.

    Raises:
        InvalidArgumentError: an argument is wrong.

    Each call raises the OpError that the server answered, and of its own:
        UnavailableError: the server cannot be reached, or has no room, after all retries.
        DeadlineExceededError: no answer in time.
        DataLossError: the answer is damaged or incomplete.
        ResourceExhaustedError: the answer is larger than the limit.
        FailedPreconditionError: the client is closed.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = 30.0,
        retries: Retries | int = Retries(),  # noqa: B008  it cannot be changed
        tls: Tls | None = None,
        limits: Limits = Limits(),  # noqa: B008
    ) -> None:
        self._session = Session(address, timeout, retries, tls, limits)
        transport = GrpcTransport if self._session.address.grpc else HttpTransport
        self._transport: GrpcTransport | HttpTransport = transport(self._session.address, self._session.tls, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. No call may be in progress."""
        self._session.closed = True
        self._transport.close()

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        version: int | None = None,
        label: str = "",
        signature: str = "",
        outputs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> dict[str, Array]:
        """Runs a signature.

        Args:
            model: its name.
            inputs: arrays of any shape, or what numpy makes arrays of, by name; strings are bytes or str.
            version: the version to ask; without it, and without `label`, the newest.
            label: the label of the version to ask.
            signature: "" is `serving_default`.
            outputs: the names of those wanted; all without them.
            timeout: seconds for this call.

        Returns:
            The outputs by name, with the signature's dtypes; strings are objects that hold bytes. An array may be read-only.
        """
        target = Target(model, version, label, signature)
        return self._run(self._session.predict(target, inputs, outputs), self._session.attempts(timeout))

    def classify(
        self,
        model: str,
        examples: Sequence[Any],
        version: int | None = None,
        label: str = "",
        signature: str = "",
        context: Any = None,
        timeout: float | None = None,
    ) -> list[Classes]:
        """Labels and scores of each example; arguments as for `predict`.

        Args:
            examples: tf.train.Example messages, their bytes, or dicts of features.
            context: an example whose features all have, except where they have their own.
        """
        target = Target(model, version, label, signature)
        return self._run(self._session.classify(target, examples, context), self._session.attempts(timeout))

    def regress(
        self,
        model: str,
        examples: Sequence[Any],
        version: int | None = None,
        label: str = "",
        signature: str = "",
        context: Any = None,
        timeout: float | None = None,
    ) -> Array:
        """A value for each example, float32 [n]; arguments as for `classify`."""
        target = Target(model, version, label, signature)
        return self._run(self._session.regress(target, examples, context), self._session.attempts(timeout))

    def metadata(self, model: str, version: int | None = None, label: str = "", timeout: float | None = None) -> Metadata:
        """The signatures of a version."""
        return self._run(self._session.calls.metadata(Target(model, version, label)), self._session.attempts(timeout))

    def status(self, model: str, version: int | None = None, label: str = "", timeout: float | None = None) -> list[VersionStatus]:
        """The state of each version, or of the one asked for."""
        return self._run(self._session.calls.status(Target(model, version, label)), self._session.attempts(timeout))

    def live(self, timeout: float | None = None) -> bool:
        """Whether the server lives; False also where there is none. Never tried again."""
        return self._probe(self._session.calls.live(), timeout)

    def ready(self, timeout: float | None = None) -> bool:
        """Whether each model has a version that can be asked; False also where there is no server. Never tried again."""
        return self._probe(self._session.calls.ready(), timeout)

    def _probe(self, steps: Steps[bool], timeout: float | None) -> bool:
        try:
            return self._run(steps, self._session.attempts(timeout, retry=False))
        except UnavailableError:
            return False

    def _run(self, steps: Steps[T], attempts: Attempts) -> T:
        try:
            exchange = next(steps)
            while True:
                exchange = steps.send(self._send(exchange, attempts))
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _send(self, exchange: Exchange, attempts: Attempts) -> bytes:
        while True:
            try:
                return self._transport.send(exchange, attempts.remaining())
            except UnavailableError as error:
                time.sleep(attempts.wait_after(error))
            except TimeoutError:
                raise attempts.late() from None
