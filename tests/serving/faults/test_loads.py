"""Versions that hang, or want more memory than there is, while they load: they are given up, and everything else serves."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.core.errors import DeadlineExceededError
from headrace.serving.bounded import within
from headrace.serving.engines.base import Array
from headrace.serving.lifecycle import LifecycleOptions
from headrace.serving.loads import LoadSlots
from headrace.serving.models import ModelSpec
from headrace.serving.servable import State, VersionStatus
from tests.serving.fleet import Fleet, config
from tests.serving.toy import ToyEngine, ToyModel, wait_until, write_version

IMPATIENT = LifecycleOptions(poll_seconds=0.01, max_load_retries=5, retry_seconds=0.02, load_seconds=0.3)
HANGS, STARVES = -1.0, -2.0
"""Scales of models that do so."""


class StuckModel(ToyModel):
    """One whose runs wait until `go`."""

    go = threading.Event()

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if self.scale == HANGS:
            assert self.go.wait(60)
        return super().run(signature, inputs)


class Engine(ToyEngine):
    """`stuck` are the models that hang in their warm-up."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck: list[ToyModel] = []
        self.hungry = 0
        self.model = StuckModel

    def load(self, path: Path) -> ToyModel:
        model = super().load(path)
        if model.scale == STARVES:
            self.hungry += 1
            raise MemoryError("no 160 GB")
        if model.scale == HANGS:
            self.stuck.append(model)
        return model


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Two models, one load at a time."""
    StuckModel.go = threading.Event()
    fleet = Fleet(tmp_path, lifecycle=IMPATIENT)
    fleet.engine, fleet.slots = Engine(), LoadSlots(1)
    fleet.begin(config(a=fleet.path("a", 1), b=fleet.path("b", 1)))
    yield fleet
    StuckModel.go.set()
    assert fleet.models.stop(60)


def status(fleet: Fleet, name: str, version: int) -> VersionStatus | None:
    return next((each for each in fleet.models.statuses(ModelSpec(name)) if each.version == version), None)


def reached(fleet: Fleet, name: str, version: int, state: State) -> bool:
    found = status(fleet, name, version)
    return found is not None and found.state is state


def test_a_warm_up_that_hangs_is_given_up(fleet: Fleet) -> None:
    engine: Any = fleet.engine
    write_version(fleet.root / "a", 2, HANGS)
    wait_until(lambda: reached(fleet, "a", 2, State.END))
    found = status(fleet, "a", 2)
    assert found is not None
    assert found.error is not None
    assert found.error.code == "DEADLINE_EXCEEDED"
    assert found.error.message == "the load of model a version 2 took longer than 0.3 s and was given up"
    assert fleet.ask("a") == 1.0, "the version before it serves"
    write_version(fleet.root / "b", 2, 2.0)
    wait_until(lambda: reached(fleet, "b", 2, State.AVAILABLE))
    assert fleet.ask("b") == 2.0, "what hangs does not keep other models from loading"
    assert len(engine.stuck) == 1, "it is not tried again, since it would hang again and keep more memory"
    assert not engine.stuck[0].closed
    StuckModel.go.set()
    wait_until(lambda: engine.stuck[0].closed)
    assert reached(fleet, "a", 2, State.END)


def test_it_has_a_fresh_chance_when_its_files_change(fleet: Fleet) -> None:
    path = write_version(fleet.root / "a", 2, HANGS)
    wait_until(lambda: reached(fleet, "a", 2, State.END))
    write_version(fleet.root / "other", 2, 2.0)
    os.replace(fleet.root / "other" / "2" / "saved_model.pb", path / "saved_model.pb")
    wait_until(lambda: reached(fleet, "a", 2, State.AVAILABLE))
    assert fleet.ask("a") == 2.0


def test_a_load_that_hangs_is_given_up_too(fleet: Fleet) -> None:
    gate = fleet.engine.gate = threading.Event()
    write_version(fleet.root / "a", 2, 2.0)
    wait_until(lambda: reached(fleet, "a", 2, State.END))
    assert fleet.ask("a") == 1.0
    gate.set()
    wait_until(lambda: all(model.closed for path, model in fleet.engine.models.items() if path.name == "2"))


def test_a_model_for_which_there_is_no_memory(fleet: Fleet) -> None:
    engine: Any = fleet.engine
    write_version(fleet.root / "a", 2, STARVES)
    wait_until(lambda: reached(fleet, "a", 2, State.END))
    found = status(fleet, "a", 2)
    assert found is not None
    assert found.error is not None
    assert (found.error.code, found.error.message) == ("RESOURCE_EXHAUSTED", "not enough memory to load: no 160 GB")
    assert engine.hungry == 6, "memory may come free, so it is tried again"
    assert (fleet.ask("a"), fleet.ask("b")) == (1.0, 1.0)


def test_weights_that_are_nan_are_answered_and_touch_no_other_model(fleet: Fleet) -> None:
    write_version(fleet.root / "a", 2, math.nan)
    wait_until(lambda: reached(fleet, "a", 2, State.AVAILABLE))
    assert math.isnan(fleet.ask("a"))
    assert fleet.ask("b") == 1.0


def test_work_in_time_and_work_without_bound() -> None:
    def refuse(_: object) -> None:
        raise AssertionError("it came in time")

    assert within(60.0, lambda given_up: given_up(), refuse, "work") is False
    assert within(math.inf, lambda given_up: threading.current_thread().name, refuse, "work") == threading.current_thread().name
    with pytest.raises(KeyError):
        within(60.0, lambda _: {}["missing"], refuse, "work")
    with pytest.raises(TimeoutError, match="of its own"):
        within(60.0, lambda _: _raise(TimeoutError("of its own")), refuse, "work")


def test_work_is_told_that_it_was_given_up() -> None:
    ended = threading.Event()

    def work(given_up: Any) -> str:
        wait_until(given_up)
        return "late"

    with pytest.raises(DeadlineExceededError, match="work took longer than 0.05 s and was given up"):
        within(0.05, work, lambda result: ended.set() if result == "late" else None, "work")
    assert ended.wait(60)


def _raise(error: Exception) -> None:
    raise error
