"""A model with several versions, one of which may be bad, behind both protocols and with traffic rules."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import httpx

from headrace.core.errors import InternalError
from headrace.serving.batching.options import BatchingOptions
from headrace.serving.batching.versions import Batching
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import Array
from headrace.serving.grpc.options import GrpcOptions
from headrace.serving.grpc.server import GrpcServer
from headrace.serving.lifecycle import ModelLifecycle
from headrace.serving.metrics import ServingMetrics
from headrace.serving.rest.app import RestApp
from headrace.serving.routing.traffic import Traffic
from headrace.serving.workers import Workers
from tests.serving.fleet import NO_WARM_UP, Fleet, config
from tests.serving.toy import ToyEngine, ToyModel, write_version
from tests.serving.toy_grpc import Client

BODY = b'{"instances": [[1, 2]]}'
PATH = "/v1/models/m:predict"
FAILS, SLOW, NAN = -1.0, 1000.0, float("nan")
"""Scales that make a version bad: it fails, takes its time, or answers NaN."""
SLOW_SECONDS = 0.25


class MoodyModel(ToyModel):
    """The toy model; its scale may make it bad."""

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if self.scale == FAILS:
            raise InternalError("this version always fails")
        if self.scale == SLOW:
            time.sleep(SLOW_SECONDS)
        return super().run(signature, inputs)


class MoodyEngine(ToyEngine):
    """Loads moody models."""

    model = MoodyModel


class Site:
    """A model `m` with versions that scale by what is given, in the order of their numbers from 1; the highest has no label.

    Args:
        root: a folder for them.
        scales: of the versions.
        labels: names of versions.
        batching: None runs requests one by one.
        options: of the traffic rules.
    """

    def __init__(
        self,
        root: Path,
        *scales: float,
        labels: dict[str, int] | None = None,
        batching: BatchingOptions | None = None,
        **options: Any,
    ) -> None:
        self.fleet = Fleet(root)
        self.fleet.engine = MoodyEngine()
        self.metrics = ServingMetrics()
        batches = Batching(batching, self.metrics.batching) if batching is not None else None
        self.fleet.models._build = lambda model: ModelLifecycle(
            model.name, model.base_path, self.fleet.engine, NO_WARM_UP, model.policy, slots=self.fleet.slots, batching=batches
        )
        for version, scale in enumerate(scales, 1):
            write_version(root / "m", version, scale)
        self.config = {"base_path": root / "m", "versions": list(range(1, len(scales) + 1)), "labels": labels or {}}
        self.models = self.fleet.models
        self.dataplane = Dataplane(self.models, self.metrics)
        self.audit: list[tuple[Any, ...]] = []
        self.traffic = Traffic(self.dataplane, audit=lambda *event: self.audit.append(event), **options)
        self.metrics.more.extend(self.traffic.families())
        self._workers = Workers(4, 64, lambda _: None)
        self.app = RestApp(self.dataplane, self.metrics, self._workers)
        self._stack = contextlib.ExitStack()
        self.address = ""
        """Of the gRPC front end, once there is one."""

    def __enter__(self) -> Self:
        self.fleet.models._options = type(self.fleet.models._options)(allow_unavailable_labels=True)
        self.fleet.begin(config(m=self.config))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self.traffic.close(30)
        self._workers.stop(30)
        assert self.models.stop(30)

    def rules(self, *variants: dict[str, Any], **more: Any) -> None:
        """Replaces the rules of the model."""
        self.traffic.replace({"models": {"m": {"variants": list(variants), **more}}}, "test")

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request over REST."""
        return self.asks(1, method, path, lambda _: options)[0]

    def predict(self, count: int = 1, headers: Callable[[int], dict[str, str]] = lambda _: {}, body: bytes = BODY) -> Iterator[Any]:
        """Asks for predictions, one after the other; what answers `count` requests."""
        return iter(self.asks(count, "POST", PATH, lambda number: {"content": body, "headers": headers(number)}))

    def asks(self, count: int, method: str, path: str, options: Callable[[int], dict[str, Any]]) -> list[httpx.Response]:
        """Requests over REST, one after the other."""

        async def send() -> list[httpx.Response]:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://test") as client:
                return [await client.request(method, path, **options(number)) for number in range(count)]

        return asyncio.run(send())

    def feedback(self, **document: Any) -> httpx.Response:
        """Reports an outcome."""
        return self.ask("POST", "/v1/feedback", content=json.dumps({"model": "m", **document}))

    def grpc(self) -> Client:
        """A client of the gRPC front end, which is started."""
        server = GrpcServer(self.dataplane, self.metrics, GrpcOptions(threads=4))
        server.start()
        self._stack.callback(server.close, 10)
        self._stack.callback(lambda: server.drain(10).wait(30))
        self.address = server.address
        client = Client(server.address)
        self._stack.callback(client.close)
        return client

    def page(self) -> str:
        """The metrics."""
        return self.metrics.page(self.models)


def variant(name: str, version: int, weight: float) -> dict[str, Any]:
    """A variant of a document of rules."""
    return {"name": name, "version": version, "weight": weight}
