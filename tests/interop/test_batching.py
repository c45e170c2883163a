"""Requests that share batches get what real TensorFlow gives for each of them alone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions, FixedBatching
from headrace.serving.engines.native import NativeEngine
from tests.interop.peer_runs import run_peer
from tests.interop.peers import rows
from tests.serving.toy import Service, wait_until

LABELS = 'model="m",version="1",signature="serving_default"'


@pytest.mark.parametrize(
    "scheme",
    [
        AdaptiveBatching(max_batch_size=16),
        FixedBatching(max_batch_size=12, batch_timeout_micros=5000, allowed_batch_sizes=(4, 12)),
        FixedBatching(max_batch_size=12, enable_large_batch_splitting=True, max_execution_batch_size=3, max_enqueued_batches=100),
    ],
)
def test_batched_answers_are_tensorflows(scheme: AdaptiveBatching | FixedBatching, tmp_path: Path, tensorflow_python: Path) -> None:
    wanted = run_peer(tensorflow_python, "rows.py", tmp_path / "1")
    with Service(tmp_path, engine=NativeEngine(), batching=BatchingOptions(scheme)) as service:
        wait_until(lambda: service.lifecycle.available, 120)

        async def ask_all() -> list[httpx.Response]:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=service.app), base_url="http://test", timeout=60
            ) as client:
                bodies = [json.dumps({"inputs": request}) for request in rows.requests()]
                return await asyncio.gather(*(client.post("/v1/models/m:predict", content=body) for body in bodies))

        replies = asyncio.run(ask_all())
        assert {reply.status_code for reply in replies} == {200}, replies[0].text
        answers = [reply.json()["outputs"] for reply in replies]
        page = service.ask("GET", "/monitoring/prometheus/metrics").text
    for found, expected in zip(answers, wanted, strict=True):
        np.testing.assert_allclose(found.pop("scores"), expected.pop("scores"), rtol=1e-5, atol=1e-6)
        assert found == expected
    totals = dict(line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("headrace_serving_batch_requests_"))
    batches, requests = (int(totals[f"headrace_serving_batch_requests_{part}{{{LABELS}}}"]) for part in ("count", "sum"))
    assert 0 < batches < requests, "they shared runs"
