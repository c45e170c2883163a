"""What workers tell of their models, and of reloads, put together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headrace.core.errors import InvalidArgumentError, NotFoundError, OpError, UnavailableError
from headrace.serving.models import ModelSpec
from headrace.serving.processes import outcomes, standing
from headrace.serving.processes.reloads import merged
from headrace.serving.reload import Outcome, ReloadResult
from headrace.serving.servable import State


def told(*versions: tuple[Any, ...], labels: dict[str, int] | None = None, ready: bool = True, name: str = "m") -> str:
    """What a worker tells of one model; a version is (number, state, error or "", engine, reason)."""
    found = []
    for each in versions:
        number, state, error, engine, reason = (*each, "", "", "")[:5]
        found.append([number, state, ["INTERNAL", error] if error else None, engine, reason, "sha256:1"])
    return json.dumps({"versions": {name: found}, "labels": {name: labels or {}}, "ready": ready})


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (["AVAILABLE", "AVAILABLE"], "AVAILABLE"),
        (["AVAILABLE", "LOADING"], "LOADING"),
        (["UNLOADING", "AVAILABLE"], "UNLOADING"),
        (["END", "UNLOADING"], "UNLOADING"),
        (["END", "AVAILABLE"], "END"),
        (["START", "AVAILABLE", "AVAILABLE"], "START"),
        (["AVAILABLE", ""], "START"),
        (["END", ""], "END"),
    ],
)
def test_the_worst_state_stands_for_all(states: list[str], whole: str) -> None:
    found = standing.merge({index: told(*[(7, state)] * bool(state)) for index, state in enumerate(states)})
    assert [(each.version, each.state.value) for each in found.overview()["m"]] == [(7, whole)]


def test_a_failure_in_one_names_it_and_one_in_all_does_not() -> None:
    one = standing.merge({0: told((7, "AVAILABLE")), 1: told((7, "END", "no memory"))}).overview()["m"][0]
    assert (one.state, one.error and one.error.code, one.error and one.error.message) == (
        State.END,
        "INTERNAL",
        "worker 1: no memory",
    )
    both = standing.merge({index: told((7, "END", "no memory")) for index in range(2)}).overview()["m"][0]
    assert both.error is not None
    assert both.error.message == "no memory"


def test_engines_that_differ_are_told_of_each() -> None:
    same = {index: told((7, "AVAILABLE", "", "xla", f"took {index} ms")) for index in range(2)}
    found = standing.merge(same).overview()["m"][0]
    assert (found.engine, found.engine_reason, found.digest) == ("xla", "took 0 ms", "sha256:1")
    other = standing.merge({**same, 2: told((7, "AVAILABLE", "", "openvino", "took 1 ms"))}).overview()["m"][0]
    assert other.engine == "xla (worker 0), xla (worker 1), openvino (worker 2)"
    assert other.engine_reason == "worker 0: took 0 ms; worker 1: took 1 ms; worker 2: took 1 ms"


def test_models_labels_and_readiness() -> None:
    found = standing.merge({1: told((1, "AVAILABLE"), labels={"a": 2}), 0: told((1, "AVAILABLE"), labels={"a": 1})})
    assert (found.labels(), found.ready) == ({"m": {"a": 1}}, True)
    assert not standing.merge({0: told(ready=True), 1: told(ready=False)}).ready
    assert not standing.merge({}).ready
    two = standing.merge({0: told((1, "AVAILABLE")), 1: told((1, "AVAILABLE"), name="other")})
    assert sorted(two.overview()) == ["m", "other"]
    assert found.statuses(ModelSpec("m", label="a"))[0].version == 1
    with pytest.raises(NotFoundError, match="Could not find version 3 of model m"):
        found.statuses(ModelSpec("m", 3))
    with pytest.raises(NotFoundError, match="Could not find any versions of model z"):
        found.statuses(ModelSpec("z"))
    with pytest.raises(InvalidArgumentError, match="Unrecognized servable version label: b"):
        found.statuses(ModelSpec("m", label="b"))


def result(error: OpError | None = None) -> ReloadResult:
    return ReloadResult((Outcome("a", "unchanged"), Outcome("b", "added", error)))


def test_reloads_are_put_together_and_come_back_from_text() -> None:
    failed = outcomes.from_json(outcomes.to_json(result(NotFoundError("no file"))))
    assert isinstance(failed.outcomes[1].error, NotFoundError)
    assert merged({0: result(), 1: result()}, {}).error is None
    found = {each.model: each.error for each in merged({0: result(), 1: failed}, {}).outcomes}
    assert found["a"] is None
    assert str(found["b"]) == "worker 1: no file"
    late = merged({0: result(), 2: failed}, {1: UnavailableError("no answer within 9.0 s")})
    assert [str(each.error) for each in late.outcomes] == [
        "worker 1 did not take the list: no answer within 9.0 s",
        "worker 2: no file",
    ]
    with pytest.raises(UnavailableError, match="worker 1: gone"):
        merged({}, {1: UnavailableError("gone")})
    with pytest.raises(UnavailableError, match="all processes ended"):
        merged({}, {})
