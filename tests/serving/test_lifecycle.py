"""The life of versions: found, loaded, swapped, drained, unloaded, retried."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from headrace.core.errors import InvalidArgumentError, NotFoundError
from headrace.serving.engines.base import Array
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.models import Models, ModelSpec
from headrace.serving.servable import State
from headrace.serving.storage import All, Latest, Specific, VersionPolicy
from tests.serving.toy import QUICK, ToyEngine, ToyModel, wait_until, write_version

ONES = np.ones((1, 2), np.float32)
NO_WARM_UP = LifecycleOptions(poll_seconds=0.001, max_load_retries=1, retry_seconds=0.0, warm_up=False)


def states(lifecycle: ModelLifecycle) -> dict[int, str]:
    return {status.version: status.state.value for status in lifecycle.statuses()}


def stepped(lifecycle: ModelLifecycle, times: int = 1) -> dict[int, str]:
    """Takes steps without the thread, so that each can be looked at."""
    for _ in range(times):
        lifecycle._next_scan = 0.0
        lifecycle.step()
    return states(lifecycle)


@pytest.fixture
def engine() -> ToyEngine:
    return ToyEngine()


@pytest.fixture
def lifecycle(tmp_path: Path, engine: ToyEngine) -> ModelLifecycle:
    return ModelLifecycle("m", tmp_path / "base", engine, NO_WARM_UP)


def test_the_highest_version_is_served_and_replaced(lifecycle: ModelLifecycle, engine: ToyEngine) -> None:
    base = lifecycle.base_path
    write_version(base, 1, 1.0)
    two = write_version(base, 2, 2.0)
    assert stepped(lifecycle) == {2: "AVAILABLE"}
    three = write_version(base, 3, 3.0)
    assert stepped(lifecycle) == {3: "AVAILABLE", 2: "END"}
    assert [(each.engine, each.engine_reason) for each in lifecycle.statuses()] == [("toy", "there is no other"), ("", "")]
    assert engine.models[two].closed
    assert not engine.models[three].closed
    assert engine.loads == [two, three]


def test_a_missing_base_path_is_polled_and_never_unloads(lifecycle: ModelLifecycle, caplog: pytest.LogCaptureFixture) -> None:
    assert stepped(lifecycle, 3) == {}
    assert [record.getMessage() for record in caplog.records if "base path" in record.getMessage()] == [
        f"could not find base path {lifecycle.base_path}; expected a directory with one numbered directory a version; polling it"
    ]
    assert not lifecycle.wait_settled(0)
    write_version(lifecycle.base_path, 1)
    assert stepped(lifecycle) == {1: "AVAILABLE"}
    assert lifecycle.wait_settled(0)
    shutil.rmtree(lifecycle.base_path)
    assert stepped(lifecycle) == {1: "AVAILABLE"}


def test_a_deleted_version_goes_back_to_the_one_before(lifecycle: ModelLifecycle, engine: ToyEngine) -> None:
    one = write_version(lifecycle.base_path, 1)
    two = write_version(lifecycle.base_path, 2)
    assert stepped(lifecycle) == {2: "AVAILABLE"}
    shutil.rmtree(two)
    assert stepped(lifecycle) == {2: "END", 1: "AVAILABLE"}
    assert engine.loads == [two, one]


def test_the_last_version_is_unloaded_when_its_directory_goes(lifecycle: ModelLifecycle) -> None:
    one = write_version(lifecycle.base_path, 1)
    stepped(lifecycle)
    shutil.rmtree(one)
    assert stepped(lifecycle) == {1: "END"}
    assert lifecycle.acquire() is None
    write_version(lifecycle.base_path, 1)
    assert stepped(lifecycle) == {1: "AVAILABLE"}


def test_several_versions_are_served_when_the_policy_says_so(tmp_path: Path, engine: ToyEngine) -> None:
    lifecycle = ModelLifecycle("m", tmp_path, engine, NO_WARM_UP, Latest(2))
    for version in (1, 2, 3):
        write_version(tmp_path, version, float(version))
    assert stepped(lifecycle) == {3: "AVAILABLE", 2: "AVAILABLE"}
    for wanted, expected in ((None, 3), (2, 2), (3, 3)):
        handle = lifecycle.acquire(wanted)
        assert handle is not None
        with handle:
            assert handle.version == expected
            assert handle.run("serving_default", {"x": ONES})["y"][0, 0] == expected
    assert lifecycle.acquire(1) is None


@pytest.mark.parametrize(
    ("policy", "first", "later"),
    [
        (None, [42], [50]),
        (Latest(0), [42], [50]),
        (Latest(3), [42, 33, 30], [50, 42, 33]),
        (Latest(99), [42, 33, 30, 21, 17], [50, 42, 33, 30, 21, 17]),
        (All(), [42, 33, 30, 21, 17], [50, 42, 33, 30, 21, 17]),
        (Specific(frozenset({17, 30})), [30, 17], [30, 17]),
        (Specific(frozenset({17, 50})), [17], [50, 17]),
        (Specific(frozenset({99})), [], []),
    ],
)
def test_what_policies_make_of_the_directories(
    tmp_path: Path, engine: ToyEngine, policy: VersionPolicy | None, first: list[int], later: list[int]
) -> None:
    """Those of TensorFlow Serving's storage path tests: names that are no numbers, leading zeros, versions that come later."""
    lifecycle = ModelLifecycle("m", tmp_path, engine, NO_WARM_UP, policy)
    for name in ("non_numerical_child", "42", "33", "30", "21", "00017"):
        write_version(tmp_path, name)
    stepped(lifecycle)
    assert lifecycle.available_versions == first
    write_version(tmp_path, 50)
    stepped(lifecycle)
    assert lifecycle.available_versions == later
    assert (tmp_path / "00017" in engine.loads) is (17 in first)
    assert lifecycle.tried
    assert (lifecycle.trouble() is None) is bool(later)


def test_a_directory_without_the_model_file_is_left_alone(lifecycle: ModelLifecycle, engine: ToyEngine) -> None:
    write_version(lifecycle.base_path, 1)
    (lifecycle.base_path / "2" / "variables").mkdir(parents=True)
    assert stepped(lifecycle, 3) == {1: "AVAILABLE"}
    assert len(engine.loads) == 1


def test_a_truncated_version_fails_is_retried_and_taken_once_whole(lifecycle: ModelLifecycle, engine: ToyEngine) -> None:
    write_version(lifecycle.base_path, 1)
    stepped(lifecycle)
    half = lifecycle.base_path / "2"
    half.mkdir()
    (half / "saved_model.pb").write_text('{"scale"')
    assert stepped(lifecycle, 5) == {2: "END", 1: "AVAILABLE"}
    assert engine.loads.count(half) == 2, "one try and max_load_retries more"
    status = lifecycle.statuses()[0]
    assert status.error is not None
    assert status.error.code == "DATA_LOSS"
    assert "truncated" in status.error.message
    (half / "saved_model.pb").write_text('{"scale": 2.0}\n')
    assert stepped(lifecycle, 2) == {2: "AVAILABLE", 1: "END"}
    assert lifecycle.statuses()[0].error is None


def test_a_load_that_fails_in_an_unforeseen_way_is_named_in_the_status(lifecycle: ModelLifecycle) -> None:
    path = write_version(lifecycle.base_path, 1)
    (path / "saved_model.pb").write_text("[]\n")
    assert stepped(lifecycle, 3) == {1: "END"}
    error = lifecycle.statuses()[0].error
    assert error is not None
    assert error.code == "UNKNOWN"
    assert error.message.startswith("TypeError: ")
    assert lifecycle.wait_settled(0), "a version that failed for good counts as settled"


def test_between_tries_a_version_is_loading(tmp_path: Path, engine: ToyEngine) -> None:
    lifecycle = ModelLifecycle("m", tmp_path, engine, LifecycleOptions(poll_seconds=1, max_load_retries=5, retry_seconds=60))
    (write_version(tmp_path, 1) / "saved_model.pb").write_text("x")
    assert stepped(lifecycle, 3) == {1: "LOADING"}
    assert len(engine.loads) == 1, "the next try is a minute away"
    assert not lifecycle.wait_settled(0)
    assert 0 < lifecycle.step() <= 1


def test_polling_can_be_off(tmp_path: Path, engine: ToyEngine) -> None:
    lifecycle = ModelLifecycle("m", tmp_path, engine, LifecycleOptions(poll_seconds=0))
    write_version(tmp_path, 1)
    lifecycle.step()
    write_version(tmp_path, 2)
    lifecycle.step()
    assert states(lifecycle) == {1: "AVAILABLE"}


def test_a_version_in_use_is_unloaded_only_after_its_last_request(lifecycle: ModelLifecycle, engine: ToyEngine) -> None:
    one = write_version(lifecycle.base_path, 1, 1.0)
    stepped(lifecycle)
    first, second = lifecycle.acquire(), lifecycle.acquire(1)
    assert first is not None
    assert second is not None
    write_version(lifecycle.base_path, 2, 2.0)
    assert stepped(lifecycle, 3) == {2: "AVAILABLE", 1: "UNLOADING"}
    assert lifecycle.acquire(1) is None, "a draining version takes no new request"
    with first:
        assert first.run("serving_default", {"x": ONES})["y"][0, 0] == 1.0
    assert stepped(lifecycle) == {2: "AVAILABLE", 1: "UNLOADING"}
    with second:
        assert not engine.models[one].closed
    assert stepped(lifecycle) == {2: "AVAILABLE", 1: "END"}
    assert engine.models[one].closed


def test_the_new_version_is_available_before_the_old_one_drains(tmp_path: Path, engine: ToyEngine) -> None:
    lifecycle = ModelLifecycle("m", tmp_path, engine, QUICK)
    write_version(tmp_path, 1)
    lifecycle.start()
    wait_until(lambda: lifecycle.available)
    engine.gate = threading.Event()
    write_version(tmp_path, 2)
    wait_until(lambda: len(engine.loads) == 2)
    assert states(lifecycle) == {2: "LOADING", 1: "AVAILABLE"}
    engine.gate.set()
    wait_until(lambda: states(lifecycle) == {2: "AVAILABLE", 1: "END"})
    assert lifecycle.stop(30)


def test_stop_waits_for_requests_and_unloads(tmp_path: Path, engine: ToyEngine) -> None:
    lifecycle = ModelLifecycle("m", tmp_path, engine, QUICK)
    path = write_version(tmp_path, 1)
    lifecycle.start()
    wait_until(lambda: lifecycle.available)
    handle = lifecycle.acquire()
    assert handle is not None
    assert not lifecycle.stop(0.05), "a request still holds the version"
    assert not engine.models[path].closed
    with handle:
        pass
    assert lifecycle.stop(30)
    assert engine.models[path].closed
    assert states(lifecycle) == {1: "END"}


def test_requests_from_many_threads_never_meet_an_unloaded_model(tmp_path: Path, engine: ToyEngine) -> None:
    lifecycle = ModelLifecycle("m", tmp_path, engine, LifecycleOptions(poll_seconds=0.002, warm_up=False))
    write_version(tmp_path, 1, 1.0)
    lifecycle.start()
    wait_until(lambda: lifecycle.available)
    stop = threading.Event()
    faults: list[str] = []
    done = [0] * 4

    def ask(slot: int) -> None:
        while not stop.is_set():
            handle = lifecycle.acquire()
            if handle is None:
                faults.append("no version was available")
                return
            with handle:
                y = handle.run("serving_default", {"x": ONES})["y"]
                if y[0, 0] != handle.version:
                    faults.append(f"version {handle.version} answered {y}")
            done[slot] += 1

    threads = [threading.Thread(target=ask, args=(slot,)) for slot in range(4)]
    for thread in threads:
        thread.start()
    for version in range(2, 22):
        write_version(tmp_path, version, float(version))
        wait_until(lambda version=version: states(lifecycle).get(version) == "AVAILABLE")
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not faults
    assert min(done) > 0
    assert lifecycle.stop(30)
    assert all(model.closed for model in engine.models.values())


def test_ended_versions_stay_listed_up_to_a_bound(lifecycle: ModelLifecycle) -> None:
    for version in range(1, 140):
        path = write_version(lifecycle.base_path, version)
        stepped(lifecycle)
        if version > 1:
            shutil.rmtree(lifecycle.base_path / str(version - 1))
    assert path.exists()
    found = lifecycle.statuses()
    assert [status.version for status in found[:3]] == [139, 138, 137]
    assert len(found) == 129


def test_an_unload_that_fails_is_told_and_does_no_other_harm(
    lifecycle: ModelLifecycle, engine: ToyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_version(lifecycle.base_path, 1)
    stepped(lifecycle)

    def refuse(_: ToyModel) -> None:
        raise OSError("the device is gone")

    monkeypatch.setattr(ToyModel, "close", refuse)
    write_version(lifecycle.base_path, 2)
    assert stepped(lifecycle) == {2: "AVAILABLE", 1: "END"}
    error = lifecycle.statuses()[1].error
    assert error is not None
    assert "the device is gone" in error.message


class TestWarmUp:
    def test_every_signature_runs_with_made_up_input(self, tmp_path: Path, engine: ToyEngine) -> None:
        path = write_version(tmp_path, 1)
        lifecycle = ModelLifecycle("m", tmp_path, engine, LifecycleOptions(warm_up_batches=(1, 3)))
        assert stepped(lifecycle) == {1: "AVAILABLE"}
        runs = engine.models[path].runs
        assert ("serving_default", {"x": (1, 2)}) in runs
        assert ("serving_default", {"x": (3, 2)}) in runs
        assert ("pair", {"a": (3,), "b": (3,)}) in runs
        assert ("text", {"s": (1,)}) in runs
        assert not any(name == "broken" for name, _ in runs), "no input can be made up for an unknown rank"

    def test_a_failing_run_is_logged_and_does_not_fail_the_load(
        self, tmp_path: Path, engine: ToyEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(_: ToyModel, x: Array) -> dict[str, Array]:
            raise ValueError("zeros are not valid here")

        monkeypatch.setattr(ToyModel, "_serving_default", fail)
        write_version(tmp_path, 1)
        assert stepped(ModelLifecycle("m", tmp_path, engine, LifecycleOptions())) == {1: "AVAILABLE"}
        assert any("warm-up run failed" in record.getMessage() for record in caplog.records)

    def test_shapes_that_requests_used_are_warmed_in_the_next_version(self, tmp_path: Path, engine: ToyEngine) -> None:
        write_version(tmp_path, 1)
        lifecycle = ModelLifecycle("m", tmp_path, engine, LifecycleOptions(poll_seconds=0.001))
        stepped(lifecycle)
        handle = lifecycle.acquire()
        assert handle is not None
        with handle:
            handle.run("serving_default", {"x": np.ones((17, 2), np.float32)})
        path = write_version(tmp_path, 2)
        stepped(lifecycle)
        assert ("serving_default", {"x": (17, 2)}) in engine.models[path].runs

    def test_it_can_be_off(self, lifecycle: ModelLifecycle, engine: ToyEngine) -> None:
        path = write_version(lifecycle.base_path, 1)
        stepped(lifecycle)
        assert engine.models[path].runs == []


class TestNames:
    @pytest.fixture
    def models(self, lifecycle: ModelLifecycle) -> Models:
        write_version(lifecycle.base_path, 5)
        stepped(lifecycle)
        return Models([lifecycle])

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            (ModelSpec("nobody"), "Servable not found for request: Latest(nobody)"),
            (ModelSpec("nobody", 3), "Servable not found for request: Specific(nobody, 3)"),
            (ModelSpec("m", 9), "Servable not found for request: Specific(m, 9)"),
        ],
    )
    def test_what_is_not_there(self, models: Models, spec: ModelSpec, message: str) -> None:
        with pytest.raises(NotFoundError) as caught:
            models.acquire(spec)
        assert caught.value.message == message

    def test_a_spec_needs_a_name_and_a_known_label(self, models: Models) -> None:
        with pytest.raises(InvalidArgumentError, match=r"^ModelSpec has no name specified\.$"):
            models.acquire(ModelSpec(""))
        with pytest.raises(InvalidArgumentError, match=r"^Unrecognized servable version label: canary$"):
            models.acquire(ModelSpec("m", label="canary"))

    def test_status(self, models: Models) -> None:
        assert [(s.version, s.state) for s in models.statuses(ModelSpec("m"))] == [(5, State.AVAILABLE)]
        with pytest.raises(NotFoundError, match=r"^Could not find any versions of model nobody$"):
            models.statuses(ModelSpec("nobody"))
        with pytest.raises(NotFoundError, match=r"^Could not find version 6 of model m$"):
            models.statuses(ModelSpec("m", 6))
