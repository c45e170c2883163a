"""Clients that ask a model server without a pause: `python -m benchmarks.serving.load rest|grpc ADDRESS PATH CLIENTS SECONDS`.

The body or message that all send comes from standard input, so that this process need not import what writes it. Prints JSON:
requests a second, failures, and the median and 99th percentile of the time to an answer in ms. Each REST client keeps a
connection of its own; gRPC clients share channels.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any, cast

import grpc
import numpy as np
import uvloop

WARM_UP_SECONDS = 1.0


class RestClient(asyncio.Protocol):
    """Sends the same request again as soon as its answer is there. `answered` gets the seconds and whether it was good."""

    def __init__(self, request: bytes, answered: Callable[[float, bool], None]) -> None:
        self._request = request
        self._answered = answered
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, parted, body = self._received.partition(b"\r\n\r\n")
        if not parted:
            return
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(body) < int(length.partition(b":")[2]):
            return
        self._received = b""
        self._answered(time.perf_counter() - self._sent, head.startswith(b"HTTP/1.1 200"))
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)


class Tally:
    """Counts answers between `begin` and `report`."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._times: list[float] = []
        self._failures = 0
        self._began = time.perf_counter()

    def answered(self, seconds: float, good: bool) -> None:
        self._times.append(seconds)
        self._failures += not good

    def report(self) -> dict[str, float]:
        elapsed = time.perf_counter() - self._began
        median, late = np.percentile(self._times or [elapsed], [50, 99]) * 1e3
        return {"rate": len(self._times) / elapsed, "failures": self._failures, "p50_ms": median, "p99_ms": late}


async def rest(address: str, path: str, body: bytes, clients: int, tally: Tally) -> None:
    """Starts REST clients."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {address}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    request = "\r\n".join([*lines, "", ""]).encode() + body
    host, _, port = address.partition(":")
    loop = asyncio.get_running_loop()
    for _ in range(clients):
        await loop.create_connection(lambda: RestClient(request, tally.answered), host, int(port))


async def grpc_clients(address: str, path: str, data: bytes, clients: int, tally: Tally) -> None:
    """Starts gRPC clients, up to sixteen on a channel: a channel is a connection, and a server's process has it whole."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(-(-clients // 16))]
    calls = [channel.unary_unary(path) for channel in channels]

    async def ask(call: Any) -> None:
        while True:
            sent = time.perf_counter()
            try:
                await call(data)
            except grpc.aio.AioRpcError:
                tally.answered(time.perf_counter() - sent, False)
            else:
                tally.answered(time.perf_counter() - sent, True)

    _RUNNING.extend(asyncio.create_task(ask(calls[number % len(calls)])) for number in range(clients))


_RUNNING: list[asyncio.Task[None]] = []


async def measure(protocol: str, address: str, path: str, clients: int, seconds: float) -> dict[str, float]:
    """What the clients saw in `seconds` seconds, after one second that is not counted."""
    tally = Tally()
    start = {"rest": rest, "grpc": grpc_clients}[protocol]
    await start(address, path, sys.stdin.buffer.read(), clients, tally)
    await asyncio.sleep(WARM_UP_SECONDS)
    tally.begin()
    await asyncio.sleep(seconds)
    found = tally.report()
    for task in _RUNNING:
        task.cancel()
    await asyncio.gather(*_RUNNING, return_exceptions=True)
    return found


def main() -> None:
    protocol, address, path, clients, seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(measure(protocol, address, path, int(clients), float(seconds)))))


if __name__ == "__main__":
    main()
