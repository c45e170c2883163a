"""Heads where their signatures are batched, and the strings that made-up runs of them take."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from headrace.serving.batching.options import AdaptiveBatching, BatchingOptions, FixedBatching
from headrace.serving.examples import batch_of
from headrace.serving.heads import REGRESS
from headrace.serving.inference import Task, multi_inference, regress
from headrace.serving.models import ModelSpec
from headrace.serving.servable import Servable
from tests.serving.test_warmup_requests import regress_log, write
from tests.serving.toy import Service, wait_until, write_version
from tests.serving.toy_heads import HeadsEngine, HeadsModel, example

FIXED = BatchingOptions(FixedBatching(max_batch_size=64, batch_timeout_micros=50_000, num_batch_threads=1))


def rows(model: HeadsModel, signature: str) -> list[int]:
    """The number of examples in each run of a signature."""
    return [shapes["inputs"][0] for name, shapes in model.runs if name == signature]


def ask_together(service: Service, bodies: list[Any], action: str) -> list[httpx.Response]:
    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url="http://test") as client:
            path = f"/v1/models/m:{action}"
            return await asyncio.gather(*(client.post(path, content=json.dumps(body)) for body in bodies))

    return asyncio.run(send())


@pytest.mark.parametrize("options", [FIXED, BatchingOptions()])
def test_requests_share_runs_and_get_their_own_answers(tmp_path: Path, options: BatchingOptions) -> None:
    write_version(tmp_path, 1, 1.0)
    engine = HeadsEngine()
    with Service(tmp_path, engine=engine, batching=options) as service:
        wait_until(lambda: service.lifecycle.available)
        before = len(rows(engine.only(), "column"))
        bodies: list[Any] = [{"signature_name": "column", "examples": [{"x": n / 64}] * (1 + n % 3)} for n in range(8)]
        answers = ask_together(service, bodies, "regress")
        for n, answer in enumerate(answers):
            assert answer.json() == {"results": [n / 64] * (1 + n % 3)}
        shared = rows(engine.only(), "column")[before:]
        assert sum(shared) >= 15, "batches are padded"
        if options is FIXED:
            assert len(shared) < 8
        page = service.ask("GET", "/monitoring/prometheus/metrics").text
        assert ':tensorflow:serving:request_example_count_total{model="m"} 15\n' in page


def test_a_bad_example_fails_its_own_request_only(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 1.0)
    with Service(tmp_path, engine=HeadsEngine(), batching=FIXED) as service:
        wait_until(lambda: service.lifecycle.available)
        bodies: list[Any] = [{"examples": [{"x": 0.25}]}, {"examples": [{"y": 0.25}]}, {"examples": [{"x": 0.75}]}]
        first, second, third = ask_together(service, bodies, "classify")
        assert first.json() == {"results": [[["no", 0.75], ["yes", 0.25]]]}
        assert (second.status_code, second.json()) == (400, {"error": "an example has no feature x"})
        assert third.json() == {"results": [[["no", 0.25], ["yes", 0.75]]]}


class TestStrings:
    """Every head of the toy model needs the feature `x`, so an empty string is refused."""

    def test_those_of_requests_warm_the_next_version(self, tmp_path: Path) -> None:
        write_version(tmp_path, 1, 1.0)
        engine = HeadsEngine()
        with Service(tmp_path, engine=engine) as service:
            wait_until(lambda: service.lifecycle.available)
            regress(service.dataplane, ModelSpec("m", signature="column"), [example(x=[0.5]), example(x=[0.25])])
            path = write_version(tmp_path, 2, 1.0)
            wait_until(lambda: service.models.available_versions() == {"m": [2]})
            model = engine.models[path]
        assert isinstance(model, HeadsModel)
        assert model.strings["column"] == [[example(x=[0.5])], [example(x=[0.5])] * 2]
        assert model.strings["regress"] == [[example(x=[0.5])]], "of another signature's input of that name"

    def test_heads_that_ran_together_are_warmed_together(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        together: list[tuple[str, ...]] = []
        real = HeadsModel.run_together

        def noted(model: HeadsModel, signatures: Any, inputs: Any) -> Any:
            together.append(tuple(signatures))
            return real(model, signatures, inputs)

        monkeypatch.setattr(HeadsModel, "run_together", noted)
        write_version(tmp_path, 1, 1.0)
        with Service(tmp_path, engine=HeadsEngine()) as service:
            wait_until(lambda: service.lifecycle.available)
            tasks = [Task(ModelSpec("m", signature=name), REGRESS) for name in ("regress", "column")]
            multi_inference(service.dataplane, tasks, [example(x=[0.5])] * 3)
            multi_inference(service.dataplane, tasks[:1], [example(x=[0.5])])
            assert together == [("regress", "column")], "one head alone runs as its signature"
            write_version(tmp_path, 2, 1.0)
            wait_until(lambda: service.models.available_versions() == {"m": [2]})
        assert together[1:] == [("column", "regress")]

    def test_long_ones_are_not_kept(self, tmp_path: Path) -> None:
        servable = Servable("m", 1, HeadsModel(1.0))
        long = example(x=[0.5], y=[bytes(65_536)])
        servable.run("column", {"inputs": batch_of([long])})
        assert servable.sample("column", "inputs") == b""
        servable.run("column", {"inputs": batch_of([example(x=[0.5]), long])})
        assert servable.sample("column", "inputs") == example(x=[0.5])

    def test_those_of_warm_up_requests_warm_every_batch_size(self, tmp_path: Path) -> None:
        write(write_version(tmp_path, 1, 1.0), regress_log(example(x=[0.5]), signature="column"))
        engine = HeadsEngine()
        batching = BatchingOptions(AdaptiveBatching(max_batch_size=4))
        with Service(tmp_path, engine=engine, batching=batching) as service:
            wait_until(lambda: service.lifecycle.available)
            assert set(rows(engine.only(), "column")) == {1, 2, 4}
            assert all(set(strings) == {example(x=[0.5])} for strings in engine.only().strings["column"])
