"""The client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

from headrace.client.answers import Classes, Metadata, VersionStatus
from headrace.client.exchange import Exchange, Steps, Target
from headrace.client.grpc.transport import AsyncGrpcTransport
from headrace.client.rest.transport import AsyncHttpTransport
from headrace.client.retries import Attempts, Retries
from headrace.client.session import Limits, Session
from headrace.client.tls import Tls
from headrace.core.errors import UnavailableError
from headrace.proto.tensors import Array

T = TypeVar("T")


class AsyncClient:
    """`Client` with coroutines, for the tasks of one event loop; arguments and errors are the same. Close it with `async with`."""

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
        self._transport: AsyncGrpcTransport | AsyncHttpTransport | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections. No call may be in progress."""
        self._session.closed = True
        if self._transport is not None:
            await self._transport.close()

    async def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        version: int | None = None,
        label: str = "",
        signature: str = "",
        outputs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> dict[str, Array]:
        """As `Client.predict`."""
        target = Target(model, version, label, signature)
        return await self._run(self._session.predict(target, inputs, outputs), self._session.attempts(timeout))

    async def classify(
        self,
        model: str,
        examples: Sequence[Any],
        version: int | None = None,
        label: str = "",
        signature: str = "",
        context: Any = None,
        timeout: float | None = None,
    ) -> list[Classes]:
        """As `Client.classify`."""
        target = Target(model, version, label, signature)
        return await self._run(self._session.classify(target, examples, context), self._session.attempts(timeout))

    async def regress(
        self,
        model: str,
        examples: Sequence[Any],
        version: int | None = None,
        label: str = "",
        signature: str = "",
        context: Any = None,
        timeout: float | None = None,
    ) -> Array:
        """As `Client.regress`."""
        target = Target(model, version, label, signature)
        return await self._run(self._session.regress(target, examples, context), self._session.attempts(timeout))

    async def metadata(self, model: str, version: int | None = None, label: str = "", timeout: float | None = None) -> Metadata:
        """As `Client.metadata`."""
        return await self._run(self._session.calls.metadata(Target(model, version, label)), self._session.attempts(timeout))

    async def status(
        self, model: str, version: int | None = None, label: str = "", timeout: float | None = None
    ) -> list[VersionStatus]:
        """As `Client.status`."""
        return await self._run(self._session.calls.status(Target(model, version, label)), self._session.attempts(timeout))

    async def live(self, timeout: float | None = None) -> bool:
        """As `Client.live`."""
        return await self._probe(self._session.calls.live(), timeout)

    async def ready(self, timeout: float | None = None) -> bool:
        """As `Client.ready`."""
        return await self._probe(self._session.calls.ready(), timeout)

    async def _probe(self, steps: Steps[bool], timeout: float | None) -> bool:
        try:
            return await self._run(steps, self._session.attempts(timeout, retry=False))
        except UnavailableError:
            return False

    async def _run(self, steps: Steps[T], attempts: Attempts) -> T:
        try:
            exchange = next(steps)
            while True:
                exchange = steps.send(await self._send(exchange, attempts))
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _send(self, exchange: Exchange, attempts: Attempts) -> bytes:
        while True:
            try:
                return await self._connected().send(exchange, attempts.remaining())
            except UnavailableError as error:
                await asyncio.sleep(attempts.wait_after(error))
            except TimeoutError:
                raise attempts.late() from None

    def _connected(self) -> AsyncGrpcTransport | AsyncHttpTransport:
        """The transport, made at the first call: gRPC's belongs to the loop that runs then."""
        if self._transport is None:
            session = self._session
            kind = AsyncGrpcTransport if session.address.grpc else AsyncHttpTransport
            self._transport = kind(session.address, session.tls, session.limits)
        return self._transport
