"""Predict without a protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from headrace.core.errors import (
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    ResourceExhaustedError,
)
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import Array
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import ModelSpec
from headrace.serving.runs import Run
from headrace.serving.servable import Handle
from tests.serving.toy import Service, ToyModel, wait_until, write_version

X = np.ones((1, 2), np.float32)
PAIR = {"a": np.float32([1]), "b": np.int64([2])}


@pytest.fixture
def dataplane(tmp_path: Path) -> Iterator[Dataplane]:
    write_version(tmp_path, 4, 3.0)
    with Service(tmp_path) as service:
        wait_until(lambda: service.lifecycle.available)
        yield Dataplane(service.models, ServingMetrics())


def refusal(
    dataplane: Dataplane, inputs: Mapping[str, Array], kind: type[OpError] = InvalidArgumentError, signature: str = ""
) -> str:
    with pytest.raises(kind) as caught:
        dataplane.predict(ModelSpec("m", signature=signature), inputs)
    return caught.value.message


def test_the_default_signature_and_the_version_are_filled_in(dataplane: Dataplane) -> None:
    prediction = dataplane.predict(ModelSpec("m"), {"x": X})
    assert (prediction.version, prediction.signature) == (4, "serving_default")
    assert prediction.outputs["y"].tolist() == [[3.0, 3.0]]


def test_outputs_can_be_picked(dataplane: Dataplane) -> None:
    spec = ModelSpec("m", 4, signature="pair")
    assert list(dataplane.predict(spec, PAIR).outputs) == ["product", "sum"]
    assert dataplane.predict(spec, PAIR, ["sum"]).outputs == {"sum": np.float32([3])}
    with pytest.raises(InvalidArgumentError, match=r'names "other"; expected some of \{product,sum\}'):
        dataplane.predict(spec, PAIR, ["other"])
    with pytest.raises(InvalidArgumentError, match='names "sum" twice'):
        dataplane.predict(spec, PAIR, ["sum", "sum"])


def test_names(dataplane: Dataplane) -> None:
    expected = "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}."
    assert refusal(dataplane, {}) == expected
    assert refusal(dataplane, {"z": X, "x": X, "a": X}) == (
        "input size does not match signature: 3!=1 len({a,x,z}) != len({x}). Sent extra: {a,z}. Missing but required: {}."
    )
    assert "Sent extra: {y}. Missing but required: {x}." in refusal(dataplane, {"y": X})
    assert refusal(dataplane, {"x": X}, FailedPreconditionError, "s") == 'Serving signature key "s" not found.'
    with pytest.raises(NotFoundError, match=r"^Servable not found for request: Latest\(n\)$"):
        dataplane.predict(ModelSpec("n"), {})


def test_dtypes_and_shapes(dataplane: Dataplane) -> None:
    assert refusal(dataplane, {"x": X.astype(np.float64)}) == 'input "x" has dtype float64; expected float32'
    assert refusal(dataplane, {"x": X[0]}) == 'input "x" has shape (2,); expected (None, 2)'
    assert refusal(dataplane, {"x": X[:, :1]}) == 'input "x" has shape (1, 1); expected (None, 2)'


def test_what_a_model_does_wrong_is_named(dataplane: Dataplane, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out(_: ToyModel, x: Array) -> dict[str, Array]:
        raise MemoryError

    def forget(_: ToyModel, x: Array) -> dict[str, Array]:
        return {}

    monkeypatch.setattr(ToyModel, "_serving_default", run_out)
    assert "not enough memory" in refusal(dataplane, {"x": X}, ResourceExhaustedError)
    monkeypatch.setattr(ToyModel, "_serving_default", forget)
    assert "did not return ['y'] of signature 'serving_default'" in refusal(dataplane, {"x": X}, InternalError)


class TestRoute:
    def test_it_picks_the_version(self, dataplane: Dataplane) -> None:
        seen: list[tuple[ModelSpec, RequestContext]] = []

        def route(spec: ModelSpec, context: RequestContext) -> Handle:
            seen.append((spec, context))
            return dataplane.models.acquire(ModelSpec(spec.name, 4))

        dataplane.route = route
        context = RequestContext()
        assert dataplane.predict(ModelSpec("m"), {"x": X}, context=context).version == 4
        assert seen == [(ModelSpec("m"), context)]
        assert context.version == 4

    def test_a_version_that_is_not_there_is_an_error(self, dataplane: Dataplane) -> None:
        dataplane.route = lambda spec, context: dataplane.models.acquire(ModelSpec(spec.name, 9))
        context = RequestContext()
        with pytest.raises(NotFoundError, match=r"Specific\(m, 9\)"):
            dataplane.predict(ModelSpec("m"), {"x": X}, context=context)
        assert context.version is None


class TestListeners:
    def test_they_see_inputs_and_outputs(self, dataplane: Dataplane) -> None:
        runs: list[Run] = []
        dataplane.listeners.append(runs.append)
        context = RequestContext()
        dataplane.predict(ModelSpec("m", signature="pair"), PAIR, ["sum"], context)
        (run,) = runs
        assert (run.model, run.version, run.signatures, run.api, run.error) == ("m", 4, ("pair",), "Predict", None)
        assert run.context is context
        assert run.inputs == PAIR
        assert sorted(run.outputs["pair"]) == ["product", "sum"], "all of them, also those that the request did not want"
        assert run.seconds >= 0

    def test_they_see_what_was_refused_and_what_failed(self, dataplane: Dataplane, monkeypatch: pytest.MonkeyPatch) -> None:
        runs: list[Run] = []
        dataplane.listeners.append(runs.append)
        refusal(dataplane, {"y": X})
        refusal(dataplane, {}, FailedPreconditionError, "s")
        monkeypatch.setattr(ToyModel, "_serving_default", lambda self, x: 1 / 0)
        refusal(dataplane, {"x": X}, InternalError)
        monkeypatch.setattr(ToyModel, "_serving_default", lambda self, x: {})
        refusal(dataplane, {"x": X}, InternalError)
        assert [run.error.code for run in runs if run.error is not None] == [
            "INVALID_ARGUMENT",
            "FAILED_PRECONDITION",
            "INTERNAL",
            "INTERNAL",
        ]
        assert all(run.outputs == {} for run in runs)

    def test_one_that_fails_changes_nothing(self, dataplane: Dataplane, caplog: pytest.LogCaptureFixture) -> None:
        runs: list[Run] = []
        dataplane.listeners.extend([lambda run: 1 / 0, runs.append])
        assert dataplane.predict(ModelSpec("m"), {"x": X}).outputs["y"].tolist() == [[3.0, 3.0]]
        assert len(runs) == 1
        assert "a listener failed" in caplog.text
