"""The list of models replaced as a whole: checked first, new models loaded before old ones go, labels moved in one step."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError, OpError, UnavailableError
from headrace.proto.serving import ModelServerConfig
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.models import Models, ModelsOptions, ModelSpec
from headrace.serving.reload import ReloadResult
from tests.serving.fleet import NO_WARM_UP, ONES, Fleet, config
from tests.serving.toy import QUICK, wait_until, write_version


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    fleets: list[Fleet] = []

    def build(**options: Any) -> Fleet:
        fleets.append(Fleet(tmp_path, **options))
        return fleets[-1]

    yield build
    for fleet in fleets:
        assert fleet.models.stop(30)
        assert all(model.closed for model in fleet.engine.models.values())


@pytest.fixture
def fleet(make: Callable[..., Fleet]) -> Fleet:
    return make()


def told(result: ReloadResult) -> dict[str, str]:
    return {outcome.model: outcome.change for outcome in result.outcomes}


def test_several_models_are_served(fleet: Fleet) -> None:
    fleet.begin(config(a=fleet.path("a", 1), b=fleet.path("b", 2, 3)))
    assert (fleet.ask("a"), fleet.ask("b")) == (1.0, 3.0)
    assert fleet.models.names == ["a", "b"]
    assert fleet.models.available_versions() == {"a": [1], "b": [3]}


def test_a_reload_adds_and_removes(fleet: Fleet) -> None:
    fleet.begin(config(a=fleet.path("a", 1), b=fleet.path("b", 2)))
    result = fleet.models.reload(config(b=fleet.path("b"), c=fleet.path("c", 3)))
    assert told(result) == {"a": "removed", "b": "unchanged", "c": "added"}
    assert result.error is None
    assert result.changed
    assert fleet.ask("c") == 3.0
    with pytest.raises(NotFoundError, match=r"Servable not found for request: Latest\(a\)"):
        fleet.ask("a")
    with pytest.raises(NotFoundError, match="Could not find any versions of model a"):
        fleet.models.statuses(ModelSpec("a"))
    wait_until(lambda: fleet.engine.models[fleet.root / "a" / "1"].closed)
    assert fleet.engine.loads.count(fleet.root / "b" / "2") == 1, "a model that stays is not loaded again"
    assert fleet.told == [None]


def test_the_same_list_again_changes_nothing(fleet: Fleet) -> None:
    first = config(a=fleet.path("a", 1))
    fleet.begin(first)
    result = fleet.models.reload(first)
    assert told(result) == {"a": "unchanged"}
    assert not result.changed
    assert len(fleet.engine.loads) == 1


def test_an_empty_list_unloads_everything(fleet: Fleet) -> None:
    fleet.begin(config(a=fleet.path("a", 1)))
    assert told(fleet.models.reload(config())) == {"a": "removed"}
    assert fleet.models.names == []
    assert told(fleet.models.reload(config(a=fleet.path("a")))) == {"a": "added"}
    assert fleet.ask("a") == 1.0


def test_a_removed_model_is_unloaded_after_its_last_request(fleet: Fleet) -> None:
    fleet.begin(config(a=fleet.path("a", 1)))
    handle = fleet.models.acquire(ModelSpec("a"))
    fleet.models.reload(config())
    with handle:
        time.sleep(0.1)
        assert not fleet.engine.models[fleet.root / "a" / "1"].closed
        assert handle.run("serving_default", {"x": ONES})["y"][0, 0] == 1.0
    wait_until(lambda: fleet.engine.models[fleet.root / "a" / "1"].closed)


def test_old_models_serve_until_the_new_ones_are_loaded(fleet: Fleet) -> None:
    fleet.begin(config(a=fleet.path("a", 1)))
    fleet.engine.gate = threading.Event()
    results: list[ReloadResult] = []
    thread = threading.Thread(target=lambda: results.append(fleet.models.reload(config(b=fleet.path("b", 2)))))
    thread.start()
    wait_until(lambda: len(fleet.engine.loads) == 2)
    assert fleet.ask("a") == 1.0
    assert [status.state.value for status in fleet.models.statuses(ModelSpec("b"))] == ["LOADING"]
    assert fleet.models.unready() == [], "a model that joins does not make the server unready"
    with pytest.raises(NotFoundError):
        fleet.ask("b")
    fleet.engine.gate.set()
    thread.join(30)
    assert told(results[0]) == {"a": "removed", "b": "added"}
    assert fleet.ask("b") == 2.0


class TestRefusals:
    """Nothing changes when any part of a list is refused."""

    @pytest.mark.parametrize(
        ("second", "code", "message"),
        [
            ({"base_path": "relative"}, "INVALID_ARGUMENT", "Expected model b to have an absolute path"),
            ({"base_path": "/x", "platform": "caffe"}, "INVALID_ARGUMENT", "unsupported platform caffe"),
            ({"base_path": "/x", "versions": []}, "INVALID_ARGUMENT", ""),
            (
                {"base_path": "/x", "labels": {"stable": 1}},
                "FAILED_PRECONDITION",
                "Request to assign label to version 1 of model b",
            ),
        ],
    )
    def test_a_bad_entry(self, fleet: Fleet, second: dict[str, Any], code: str, message: str) -> None:
        first = config(a=fleet.path("a", 1))
        fleet.begin(first)
        wrong = config(c=fleet.path("c", 3), b=second)
        if second.get("versions") == []:
            wrong.model_config_list.config[1].model_version_policy.specific.SetInParent()
        with pytest.raises(OpError) as caught:
            fleet.models.reload(wrong)
        assert caught.value.code == code
        assert message in caught.value.message
        assert fleet.models.names == ["a"]
        assert fleet.ask("a") == 1.0
        assert len(fleet.engine.loads) == 1
        assert [error.code if error else None for error in fleet.told] == [code]

    @pytest.mark.parametrize("kind", ["", "custom_model_config"])
    def test_only_a_list_may_follow_a_list(self, fleet: Fleet, kind: str) -> None:
        fleet.begin(config(a=fleet.path("a", 1)))
        other = ModelServerConfig()
        if kind:
            other.custom_model_config.SetInParent()
        with pytest.raises(FailedPreconditionError, match=r"It is only legal to transition from one ModelConfigList to another"):
            fleet.models.reload(other)
        assert fleet.ask("a") == 1.0

    def test_a_list_may_follow_an_empty_configuration(self, fleet: Fleet) -> None:
        fleet.begin(ModelServerConfig())
        assert fleet.models.names == []
        assert fleet.models.reload(ModelServerConfig()).outcomes == ()
        assert told(fleet.models.reload(config(a=fleet.path("a", 1)))) == {"a": "added"}

    def test_a_platform_may_not_change(self, make: Callable[..., Fleet]) -> None:
        fleet = make(options=ModelsOptions(platforms=("tensorflow", "onnx")))
        fleet.begin(config(a=fleet.path("a", 1)))
        with pytest.raises(InvalidArgumentError, match="Illegal to change a model's platform"):
            fleet.models.reload(config(a={"base_path": fleet.path("a"), "platform": "onnx"}))

    def test_the_first_configuration_is_checked_too(self, fleet: Fleet) -> None:
        with pytest.raises(FailedPreconditionError, match="label to version 1 of model a"):
            fleet.models.configure(config(a={"base_path": fleet.path("a", 1), "labels": {"stable": 1}}))

    def test_models_without_a_way_to_make_more(self, fleet: Fleet) -> None:
        fixed = Models([ModelLifecycle("a", fleet.path("a", 1), fleet.engine, NO_WARM_UP)])
        with pytest.raises(FailedPreconditionError, match="has a fixed list of models"):
            fixed.reload(config(a=fleet.path("a"), b=fleet.path("b", 1)))
        assert fixed.names == ["a"]


class TestFailures:
    """A new model that does not load stays in the list and is told of; those that serve are not touched."""

    def test_a_missing_base_path_does_not_hang_the_reload(self, fleet: Fleet) -> None:
        fleet.begin(config(a=fleet.path("a", 1)))
        started = time.monotonic()
        result = fleet.models.reload(config(a=fleet.path("a"), b=fleet.root / "later", c=fleet.path("c", 3)))
        assert time.monotonic() - started < 10
        assert result.error is not None
        assert result.error.code == "UNKNOWN"
        assert result.error.message.startswith("1 model(s) did not become available: {{b: UNAVAILABLE: could not find base path")
        assert (fleet.ask("a"), fleet.ask("c")) == (1.0, 3.0)
        assert fleet.models.unready() == ["b"]
        write_version(fleet.root / "later", 7, 7.0)
        wait_until(lambda: fleet.models.unready() == [])
        assert fleet.ask("b") == 7.0

    def test_a_broken_version(self, fleet: Fleet) -> None:
        fleet.begin(config(a=fleet.path("a", 1)))
        (fleet.path("b", 2) / "2" / "saved_model.pb").write_text("{")
        result = fleet.models.reload(config(b=fleet.path("b")))
        assert told(result) == {"a": "removed", "b": "added"}
        assert result.error is not None
        assert "truncated" in result.error.message
        with pytest.raises(NotFoundError):
            fleet.ask("b")

    def test_one_version_of_several(self, fleet: Fleet) -> None:
        fleet.begin(config())
        (fleet.path("a", 1, 2) / "2" / "saved_model.pb").write_text("{")
        fleet.engine.gate = threading.Event()
        threading.Timer(0.3, fleet.engine.gate.set).start()
        result = fleet.models.reload(config(a={"base_path": fleet.path("a"), "versions": [1, 2, 9]}))
        assert result.error is None, "version 1 was waited for, though 2 is broken and 9 is missing"
        assert fleet.models.available_versions() == {"a": [1]}

    def test_a_load_that_takes_too_long_goes_on(self, make: Callable[..., Fleet]) -> None:
        fleet = make(options=ModelsOptions(reload_seconds=0.1))
        fleet.begin(config(a=fleet.path("a", 1)))
        fleet.engine.gate = threading.Event()
        result = fleet.models.reload(config(a=fleet.path("a"), b=fleet.path("b", 2)))
        assert result.error is not None
        assert "model b is still loading" in result.error.message
        fleet.engine.gate.set()
        wait_until(lambda: fleet.models.unready() == [])
        assert fleet.ask("b") == 2.0

    def test_a_second_reload_does_not_wait_forever(self, make: Callable[..., Fleet]) -> None:
        fleet = make(options=ModelsOptions(reload_seconds=0.3))
        fleet.begin(config(a=fleet.path("a", 1)))
        with fleet.models._reloading, pytest.raises(UnavailableError, match="another reload is still waiting"):
            fleet.models.reload(config())

    def test_the_end_of_the_server_ends_a_reload(self, fleet: Fleet) -> None:
        fleet.begin(config(a=fleet.path("a", 1)))
        fleet.engine.gate = threading.Event()
        thread = threading.Thread(target=fleet.models.reload, args=(config(b=fleet.path("b", 2)),))
        thread.start()
        wait_until(lambda: len(fleet.engine.loads) == 2)
        stopping = threading.Thread(target=fleet.models.stop, args=(30,))
        stopping.start()
        thread.join(10)
        assert not thread.is_alive()
        fleet.engine.gate.set()
        stopping.join(30)
        with pytest.raises(UnavailableError, match="the server is ending"):
            fleet.models.reload(config())


class TestBasePaths:
    """A model whose base path changes is served from the old one until the new one is there."""

    def test_a_move(self, fleet: Fleet) -> None:
        fleet.begin(config(a=fleet.path("a", 1)))
        write_version(fleet.root / "elsewhere", 1, 10.0)
        result = fleet.models.reload(config(a=fleet.root / "elsewhere"))
        assert told(result) == {"a": "moved"}
        assert fleet.ask("a", 1) == 10.0, "the same version number, and yet the new files"
        wait_until(lambda: fleet.engine.models[fleet.root / "a" / "1"].closed)

    def test_a_move_to_nowhere_is_not_made(self, fleet: Fleet) -> None:
        fleet.begin(config(a=fleet.path("a", 1)))
        result = fleet.models.reload(config(a=fleet.root / "nowhere"))
        assert result.error is not None
        assert "could not find base path" in result.error.message
        assert fleet.ask("a") == 1.0
        assert fleet.models.unready() == []
        write_version(fleet.root / "nowhere", 1, 10.0)
        assert fleet.models.reload(config(a=fleet.root / "nowhere")).error is None
        assert fleet.ask("a") == 10.0

    def test_a_move_that_would_lose_a_label_is_not_made(self, fleet: Fleet) -> None:
        fleet.begin(config(a=fleet.path("a", 1)))
        write_version(fleet.root / "elsewhere", 2, 20.0)
        result = fleet.models.reload(config(a={"base_path": fleet.root / "elsewhere", "labels": {"stable": 1}}))
        assert result.error is not None
        assert "Request to assign label to version 1 of model a" in result.error.message
        assert fleet.ask("a") == 1.0


class TestPolicies:
    def test_a_wider_policy_loads_and_a_narrower_one_unloads(self, fleet: Fleet) -> None:
        path = fleet.path("a", 1, 2, 3)
        fleet.begin(config(a=path))
        assert fleet.models.available_versions() == {"a": [3]}
        assert told(fleet.models.reload(config(a={"base_path": path, "versions": [1, 3]}))) == {"a": "updated"}
        wait_until(lambda: fleet.models.available_versions() == {"a": [3, 1]})
        assert (fleet.ask("a", 1), fleet.ask("a")) == (1.0, 3.0)
        fleet.models.reload(config(a={"base_path": path, "versions": [1]}))
        wait_until(lambda: fleet.models.available_versions() == {"a": [1]})
        assert fleet.engine.loads.count(path / "1") == 1

    def test_back_to_an_older_version_without_a_gap(self, fleet: Fleet) -> None:
        path = fleet.path("a", 1, 2)
        fleet.begin(config(a=path))
        fleet.engine.gate = threading.Event()
        fleet.models.reload(config(a={"base_path": path, "versions": [1]}))
        wait_until(lambda: path / "1" in fleet.engine.loads)
        assert fleet.ask("a") == 2.0
        fleet.engine.gate.set()
        wait_until(lambda: fleet.models.available_versions() == {"a": [1]})

    def test_a_version_that_is_not_there_is_said_and_takes_nothing_down(
        self, fleet: Fleet, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = fleet.path("a", 1)
        fleet.begin(config(a=path))
        fleet.models.reload(config(a={"base_path": path, "versions": [9]}))
        wait_until(lambda: any("policy names 9" in record.getMessage() for record in caplog.records))
        assert f"the version policy names 9, which base path {path} lacks; it has [1]" in caplog.text
        assert fleet.ask("a") == 1.0
        write_version(path, 9, 9.0)
        wait_until(lambda: fleet.models.available_versions() == {"a": [9]})

    def test_a_new_model_whose_versions_are_not_there(self, fleet: Fleet) -> None:
        fleet.begin(config())
        result = fleet.models.reload(config(a={"base_path": fleet.path("a", 1), "versions": [9]}))
        assert result.error is not None
        assert "the version policy names 9" in result.error.message

    def test_with_polling_off_a_new_policy_is_looked_up_once(self, make: Callable[..., Fleet]) -> None:
        fleet = make(lifecycle=LifecycleOptions(poll_seconds=0, warm_up=False))
        path = fleet.path("a", 1)
        fleet.begin(config(a=path))
        write_version(path, 2, 2.0)
        fleet.models.reload(config(a={"base_path": path, "latest": 2}))
        wait_until(lambda: fleet.models.available_versions() == {"a": [2, 1]})


class TestLabels:
    def test_labels_name_versions(self, fleet: Fleet) -> None:
        path = fleet.path("a", 1, 2)
        fleet.begin(config(a={"base_path": path, "latest": 2}))
        fleet.models.reload(config(a={"base_path": path, "latest": 2, "labels": {"stable": 1, "canary": 2, "next": 2}}))
        assert [fleet.ask("a", label=label) for label in ("stable", "canary", "next")] == [1.0, 2.0, 2.0]
        assert fleet.models.labels() == {"a": {"stable": 1, "canary": 2, "next": 2}}
        assert [status.version for status in fleet.models.statuses(ModelSpec("a", label="stable"))] == [1]
        fleet.models.reload(config(a={"base_path": path, "latest": 2, "labels": {"stable": 2}}))
        assert fleet.ask("a", label="stable") == 2.0
        with pytest.raises(InvalidArgumentError, match=r"^Unrecognized servable version label: canary$"):
            fleet.ask("a", label="canary")

    def test_a_label_belongs_to_its_model(self, fleet: Fleet) -> None:
        path = fleet.path("a", 1)
        fleet.begin(config(a=path, b=fleet.path("b", 1)))
        fleet.models.reload(config(a={"base_path": path, "labels": {"stable": 1}}, b=fleet.path("b")))
        for name in ("b", "nobody"):
            with pytest.raises(InvalidArgumentError, match="Unrecognized servable version label: stable"):
                fleet.ask(name, label="stable")

    def test_a_version_and_a_label_contradict_each_other(self, fleet: Fleet) -> None:
        fleet.begin(config(a=fleet.path("a", 1)))
        with pytest.raises(InvalidArgumentError, match="version 1 and label stable are both given"):
            fleet.ask("a", 1, "stable")

    def test_a_label_needs_a_version_that_is_available(self, fleet: Fleet) -> None:
        path = fleet.path("a", 1, 2)
        fleet.begin(config(a=path))
        wrong = config(a={"base_path": path, "latest": 2, "labels": {"old": 1}})
        with pytest.raises(FailedPreconditionError) as caught:
            fleet.models.reload(wrong)
        assert caught.value.message.startswith(
            "Request to assign label to version 1 of model a, which is not currently available for inference"
        )
        fleet.models.reload(config(a={"base_path": path, "latest": 2}))
        wait_until(lambda: fleet.models.available_versions() == {"a": [2, 1]})
        assert fleet.models.reload(wrong).error is None
        assert fleet.ask("a", label="old") == 1.0

    def test_new_labels_may_wait_for_their_version_when_that_is_allowed(self, make: Callable[..., Fleet]) -> None:
        fleet = make(options=ModelsOptions(allow_unavailable_labels=True))
        path = fleet.path("a", 1)
        fleet.begin(config(a={"base_path": path, "latest": 3, "labels": {"stable": 1, "next": 2}}))
        assert fleet.ask("a", label="stable") == 1.0
        with pytest.raises(NotFoundError, match=r"Servable not found for request: Specific\(a, 2\)"):
            fleet.ask("a", label="next")
        write_version(path, 2, 2.0)
        wait_until(lambda: fleet.models.available_versions() == {"a": [2, 1]})
        assert fleet.ask("a", label="next") == 2.0
        with pytest.raises(FailedPreconditionError, match="label to version 3"):  # in use: it may not move to nothing
            fleet.models.reload(config(a={"base_path": path, "latest": 3, "labels": {"stable": 3, "next": 2}}))
        assert fleet.ask("a", label="stable") == 1.0


def test_no_request_fails_while_lists_change(fleet: Fleet) -> None:
    """Labels move, policies change, models come and go; `a` answers every request, and always as one of its versions."""
    path = fleet.path("a", 1, 2)
    other = fleet.path("elsewhere", 1, 2)
    fleet.begin(config(a={"base_path": path, "latest": 2}))
    fleet.models.reload(config(a={"base_path": path, "latest": 2, "labels": {"stable": 1}}))
    faults: list[str] = []
    done = [0, 0, 0]
    stop = threading.Event()

    def ask(slot: int, **spec: Any) -> None:
        while not stop.is_set():
            try:
                answer = fleet.ask("a", **spec)
            except OpError as error:
                faults.append(f"{spec}: {error.message}")
                return
            if answer not in (1.0, 2.0):
                faults.append(f"{spec}: {answer}")
            done[slot] += 1

    threads = [
        threading.Thread(target=ask, args=(0,)),
        threading.Thread(target=ask, args=(1,), kwargs={"label": "stable"}),
        threading.Thread(target=ask, args=(2,), kwargs={"version": 2}),
    ]
    for thread in threads:
        thread.start()
    for number in range(20):
        model = {"base_path": (path, other)[number % 2], "latest": 2, "labels": {"stable": 1 + number % 2}}
        more = {f"m{number % 3}": fleet.path(f"m{number}", 1)}
        assert fleet.models.reload(config(a=model, **more)).error is None
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not faults
    assert min(done) > 0
    wait_until(lambda: sum(not model.closed for model in fleet.engine.models.values()) == 3)


def test_a_request_that_meets_a_model_just_leaving_asks_the_new_list(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.begin(config(a=fleet.path("a", 1)))
    write_version(fleet.root / "elsewhere", 1, 10.0)
    leaving = fleet.models._table["a"].lifecycle

    def too_late(_: int | None) -> None:
        monkeypatch.undo()
        fleet.models.reload(config(a=fleet.root / "elsewhere"))

    monkeypatch.setattr(leaving, "acquire", too_late)
    assert fleet.ask("a") == 10.0


def test_loads_take_turns(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, lifecycle=QUICK)
    fleet.slots.limit = 2
    fleet.engine.gate = threading.Event()
    fleet.models.configure(config(**{f"m{number}": fleet.path(f"m{number}", 1) for number in range(5)}))
    fleet.models.start()
    wait_until(lambda: len(fleet.engine.loads) == 2)
    time.sleep(0.2)
    assert len(fleet.engine.loads) == 2
    fleet.engine.gate.set()
    assert fleet.models.wait_settled(30)
    assert len(fleet.engine.loads) == 5
    assert fleet.models.stop(30)


def test_the_stop_of_one_busy_model_leaves_the_others_their_time(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    fleet.begin(config(a=fleet.path("a", 1), b=fleet.path("b", 1)))
    handle = fleet.models.acquire(ModelSpec("a"))
    assert not fleet.models.stop(0.3)
    assert fleet.engine.models[tmp_path / "b" / "1"].closed
    assert not fleet.engine.models[tmp_path / "a" / "1"].closed
    with handle:
        pass


def test_threads_end_with_their_models(fleet: Fleet) -> None:
    fleet.begin(config())
    before = threading.active_count()
    for number in range(20):
        fleet.models.reload(config(**{f"m{number}": fleet.path(f"m{number}", 1)}))
        shutil.rmtree(fleet.root / f"m{number}")
    fleet.models.reload(config())
    wait_until(lambda: threading.active_count() <= before)


def test_a_list_in_force_elsewhere_is_taken_with_its_labels(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    labelled = config(a={"base_path": fleet.path("a", 1), "labels": {"stable": 1}})
    with pytest.raises(FailedPreconditionError):
        fleet.models.configure(labelled)
    fleet.models.configure(labelled, in_force=True)
    fleet.models.start()
    assert fleet.models.wait_settled(30)
    assert fleet.ask("a", label="stable") == 1.0
    assert fleet.models.stop(30)
