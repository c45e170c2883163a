"""An engine in memory: a version directory holds `saved_model.pb` with a line of JSON, and the model scales and adds."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from headrace.core.errors import DataLossError
from headrace.core.spec import TensorSpec
from headrace.serving.access.gate import Gate
from headrace.serving.batching.options import BatchingOptions
from headrace.serving.batching.versions import Batching
from headrace.serving.cache import CacheOptions, ResponseCache
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import Array, Signature
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models
from headrace.serving.rest.app import RestApp, RestOptions
from headrace.serving.workers import Workers

QUICK = LifecycleOptions(poll_seconds=0.02, max_load_retries=1, retry_seconds=0.02)

SIGNATURES = {
    "serving_default": Signature(
        {"x": TensorSpec([None, 2], "float32", "serving_default_x:0")}, {"y": TensorSpec([None, 2], "float32")}
    ),
    "pair": Signature(
        {"a": TensorSpec([None], "float32"), "b": TensorSpec([None], "int64")},
        {"sum": TensorSpec([None], "float32"), "product": TensorSpec([None], "float32")},
    ),
    "text": Signature(
        {"s": TensorSpec([None], "string")}, {"upper": TensorSpec([None], "string"), "raw_bytes": TensorSpec([None], "string")}
    ),
    "total": Signature({"x": TensorSpec([None], "float32")}, {"total": TensorSpec([], "float32")}),
    "divide": Signature({"x": TensorSpec([None], "float32")}, {"y": TensorSpec([None], "float32")}),
    "slow": Signature({"seconds": TensorSpec([None], "float32")}, {"done": TensorSpec([None], "bool")}),
    "broken": Signature({"x": TensorSpec(None, "float32")}, {"y": TensorSpec(None, "float32")}),
}


class ToyModel:
    """`serving_default` gives x * scale; the other signatures each try one thing."""

    signatures: Mapping[str, Signature] = SIGNATURES
    engine, engine_reason, memory_bytes = "toy", "there is no other", 8

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.closed = False
        self.runs: list[tuple[str, dict[str, tuple[int, ...]]]] = []

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        assert not self.closed, "a request reached an unloaded model"
        self.runs.append((signature, {name: value.shape for name, value in inputs.items()}))
        with np.errstate(all="ignore"):
            outputs: dict[str, Array] = getattr(self, f"_{signature}")(**inputs)
        assert not self.closed, "a model was unloaded during a request"
        return outputs

    def run_together(self, signatures: Sequence[str], inputs: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        return {signature: self.run(signature, inputs) for signature in signatures}

    def close(self) -> None:
        self.closed = True

    def _serving_default(self, x: Array) -> dict[str, Array]:
        return {"y": x * np.float32(self.scale)}

    def _pair(self, a: Array, b: Array) -> dict[str, Array]:
        return {"sum": a + b.astype(np.float32), "product": a * b.astype(np.float32)}

    def _text(self, s: Array) -> dict[str, Array]:
        return {"upper": np.array([item.upper() for item in s], object), "raw_bytes": s}

    def _total(self, x: Array) -> dict[str, Array]:
        return {"total": x.sum()}

    def _divide(self, x: Array) -> dict[str, Array]:
        return {"y": np.float32(1) / x}

    def _slow(self, seconds: Array) -> dict[str, Array]:
        time.sleep(float(seconds.max()))
        return {"done": seconds >= 0}

    def _broken(self, x: Array) -> dict[str, Array]:
        raise RuntimeError("this model always fails")


class ToyEngine:
    """Loads what `write_version` writes. `gate`, when set, holds loads back until it is opened."""

    model = ToyModel

    def __init__(self) -> None:
        self.models: dict[Path, ToyModel] = {}
        self.loads: list[Path] = []
        self.gate: threading.Event | None = None

    def is_complete(self, path: Path) -> bool:
        return (path / "saved_model.pb").is_file()

    def load(self, path: Path) -> ToyModel:
        self.loads.append(path)
        if self.gate is not None:
            assert self.gate.wait(30)
        text = (path / "saved_model.pb").read_text()
        if not text.endswith("\n"):
            raise DataLossError(f"{path} is truncated")
        self.models[path] = self.model(json.loads(text)["scale"])
        return self.models[path]


def write_version(base_path: Path, version: int | str, scale: float = 1.0) -> Path:
    """A complete version directory, which appears in one step."""
    hidden = base_path / f"tmp-{version}"
    hidden.mkdir(parents=True)
    (hidden / "saved_model.pb").write_text(json.dumps({"scale": scale}) + "\n")
    return hidden.rename(base_path / str(version))


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits for `condition`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


class Service:
    """A lifecycle with the REST application before it, in this process and without a socket."""

    def __init__(
        self,
        base_path: Path,
        lifecycle: LifecycleOptions = QUICK,
        rest: RestOptions | None = None,
        threads: int = 4,
        engine: Any = None,
        batching: BatchingOptions | None = None,
        cache: CacheOptions | None = None,
        gate: Gate | None = None,
    ) -> None:
        self.engine = engine or ToyEngine()
        self.metrics = ServingMetrics()
        self.lifecycle = ModelLifecycle(
            "m",
            base_path,
            self.engine,
            lifecycle,
            on_load=self.metrics.loaded,
            on_warm_up=self.metrics.warmed,
            batching=Batching(batching, self.metrics.batching) if batching is not None else None,
        )
        self.models = Models([self.lifecycle])
        self.workers = Workers(threads, 8, lambda seconds: self.metrics.queued("REST", seconds))
        self.dataplane = Dataplane(self.models, self.metrics, ResponseCache(cache) if cache is not None else None)
        self.app = RestApp(self.dataplane, self.metrics, self.workers, rest, gate)

    def __enter__(self) -> Service:
        self.models.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.models.stop(30)
        self.workers.stop(30)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request."""

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def predict(self, body: Any, path: str = "/v1/models/m:predict", **options: Any) -> httpx.Response:
        """One predict request; `body` is sent as it is when it is bytes, else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, content=content, **options)
