"""Classify, regress and multi-inference without a protocol."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from headrace.core.errors import (
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    UnimplementedError,
)
from headrace.proto.serving import Input
from headrace.serving.context import RequestContext
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import Array
from headrace.serving.examples import batch_of, of_input
from headrace.serving.heads import CLASSIFY, REGRESS, Classification, Regression
from headrace.serving.inference import Task, classify, multi_inference, regress
from headrace.serving.models import ModelSpec
from tests.serving.toy import QUICK, Service, wait_until, write_version
from tests.serving.toy_heads import HeadsEngine, HeadsModel, example

PREDICT = "tensorflow/serving/predict"
ONE = [example(x=[0.25])]
TWO = [example(x=[0.25]), example(x=[0.75])]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    write_version(tmp_path, 4, 1.0)
    with Service(tmp_path, engine=HeadsEngine()) as service:
        wait_until(lambda: service.lifecycle.available)
        yield service


@pytest.fixture
def dataplane(service: Service) -> Dataplane:
    return Dataplane(service.models, service.metrics)


@pytest.fixture
def model(service: Service) -> HeadsModel:
    return service.engine.only()


def spec(signature: str = "", version: int | None = None) -> ModelSpec:
    return ModelSpec("m", version, signature=signature)


def refusal(kind: type[OpError], call: object, *args: object) -> str:
    with pytest.raises(kind) as caught:
        call(*args)  # type: ignore[operator]
    return caught.value.message


class TestClassify:
    def test_classes_and_scores(self, dataplane: Dataplane) -> None:
        answer = classify(dataplane, spec(), TWO)
        assert (answer.version, answer.signature) == (4, "serving_default")
        assert isinstance(answer.result, Classification)
        assert answer.result.classes is not None
        assert answer.result.classes.tolist() == [[b"no", b"yes"]] * 2
        assert answer.result.scores is not None
        assert answer.result.scores.tolist() == [[0.75, 0.25], [0.25, 0.75]]

    def test_one_of_the_two_is_enough(self, dataplane: Dataplane) -> None:
        labels = classify(dataplane, spec("labels"), ONE).result
        assert labels.scores is None
        assert labels.classes is not None
        scores = classify(dataplane, spec("scores"), ONE).result  # its method name is that of predict
        assert scores.classes is None
        assert scores.scores is not None

    def test_no_such_model_or_version(self, dataplane: Dataplane) -> None:
        assert refusal(NotFoundError, classify, dataplane, spec(version=5), ONE) == (
            "Servable not found for request: Specific(m, 5)"
        )
        assert refusal(InvalidArgumentError, classify, dataplane, ModelSpec(""), ONE) == "ModelSpec has no name specified."

    def test_no_example(self, dataplane: Dataplane) -> None:
        assert refusal(InvalidArgumentError, classify, dataplane, spec(), []) == "Input is empty."
        assert "No signature was found" in refusal(InvalidArgumentError, classify, dataplane, spec("nothing"), [])
        assert "Servable not found" in refusal(NotFoundError, classify, dataplane, spec(version=5), [])

    def test_a_deadline_that_has_passed(self, dataplane: Dataplane, model: HeadsModel) -> None:
        model.runs.clear()
        late = RequestContext(deadline=time.monotonic() - 1)
        for call, tasks in ((classify, spec()), (regress, spec("regress")), (multi_inference, [task("", CLASSIFY)])):
            assert "ran out" in refusal(DeadlineExceededError, functools.partial(call, context=late), dataplane, tasks, ONE)  # type: ignore[arg-type]
        assert model.runs == []

    def test_an_example_that_is_none(self, dataplane: Dataplane) -> None:
        assert "is not a serialized tf.Example" in refusal(InvalidArgumentError, classify, dataplane, spec(), [b"\xff\xff"])

    @pytest.mark.parametrize(
        ("signature", "message"),
        [
            ("nothing", "No signature was found with the name: nothing"),
            ("two_inputs", "Expected one input Tensor."),
            ("three_outputs", "Expected one or two output Tensors, found 3"),
            (
                "other_input_classify",
                "No classification inputs found in SignatureDef: inputs {examples}, outputs {scores}",
            ),
            (
                "other_output",
                'Expected classification signature outputs to contain at least one of "classes" or "scores". '
                "Signature was: inputs {inputs}, outputs {probabilities}",
            ),
            (
                "regress",
                'Expected classification signature outputs to contain at least one of "classes" or "scores". '
                "Signature was: inputs {inputs}, outputs {outputs}",
            ),
        ],
    )
    def test_signatures_that_are_no_head(self, dataplane: Dataplane, signature: str, message: str) -> None:
        assert refusal(InvalidArgumentError, classify, dataplane, spec(signature), ONE) == message

    @pytest.mark.parametrize(
        ("outputs", "message"),
        [
            ({"scores": np.zeros(2, np.float32)}, "Expected Tensor shape: [batch_size num_classes] but got [2]"),
            ({"scores": np.zeros((2, 3), np.float64)}, "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
            ({"scores": np.zeros((3, 3), np.float32)}, "Expected scores output batch size of 2. Got: 3"),
        ],
    )
    def test_wrong_scores(self, dataplane: Dataplane, model: HeadsModel, outputs: dict[str, Array], message: str) -> None:
        model.freely = outputs
        assert refusal(InvalidArgumentError, classify, dataplane, spec("free_scores"), TWO) == message

    @pytest.mark.parametrize(
        ("classes", "message"),
        [
            (np.array([b"a", b"b"], object), "Expected Tensor shape: [batch_size num_classes] but got [2]"),
            (np.zeros((2, 2), np.int64), "Expected classes Tensor of DT_STRING. Got: DT_INT64"),
            (np.array([[b"a", b"b"]], object), "Expected classes output batch size of 2. Got: 1"),
            (np.array([[b"a"], [b"b"]], object), "Tensors class and score should match in dim_size(1). Got 1 vs. 2"),
        ],
    )
    def test_wrong_classes(self, dataplane: Dataplane, model: HeadsModel, classes: Array, message: str) -> None:
        model.freely = {"classes": classes, "scores": np.zeros((2, 2), np.float32)}
        assert refusal(InvalidArgumentError, classify, dataplane, spec("free_both"), TWO) == message


class TestRegress:
    @pytest.mark.parametrize(("signature", "expected"), [("regress", [2.5, 7.5]), ("column", [0.25, 0.75])])
    def test_values(self, dataplane: Dataplane, signature: str, expected: list[float]) -> None:
        answer = regress(dataplane, spec(signature), TWO)
        assert (answer.result.values.tolist(), answer.version, answer.signature) == (expected, 4, signature)

    @pytest.mark.parametrize(
        ("signature", "message"),
        [
            ("nothing", "No signature was found with the name: nothing"),
            ("two_inputs", "Expected one input Tensor."),
            ("serving_default", "Expected one output Tensor."),
            ("other_input", "No regression inputs found in SignatureDef: inputs {examples}, outputs {outputs}"),
            ("labels", "No regression outputs found in SignatureDef: inputs {inputs}, outputs {classes}"),
            ("numbers", 'input "inputs" has dtype string; expected float32'),
        ],
    )
    def test_signatures_that_are_no_head(self, dataplane: Dataplane, signature: str, message: str) -> None:
        assert refusal(InvalidArgumentError, regress, dataplane, spec(signature), ONE) == message

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (np.float32(1), "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []"),
            (
                np.zeros((2, 2), np.float32),
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
            ),
            (
                np.zeros((2, 1, 1), np.float32),
                "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,1,1]",
            ),
            (np.zeros(3, np.float32), "Input batch size did not match output batch size: 2 vs. 3"),
            (np.zeros(2, np.int32), "Expected output Tensor of DT_FLOAT.  Got: DT_INT32"),
        ],
    )
    def test_wrong_outputs(self, dataplane: Dataplane, model: HeadsModel, value: Array, message: str) -> None:
        model.freely = {"outputs": np.asarray(value)}
        assert refusal(InvalidArgumentError, regress, dataplane, spec("free"), TWO) == message


class TestContext:
    def test_its_features_are_added_and_do_not_override(self, dataplane: Dataplane) -> None:
        context = example(x=[0.5], other=[b"anything"])
        examples = [example(y=[1.0]), example(x=[0.125]), b""]
        assert regress(dataplane, spec("column"), examples, context).result.values.tolist() == [0.5, 0.125, 0.5]

    def test_an_input_message(self) -> None:
        message = Input()
        assert of_input(message) == ([], b"")
        message.example_list.examples.add().ParseFromString(TWO[0])
        message.example_list.examples.add().ParseFromString(TWO[1])
        assert of_input(message) == (TWO, b"")
        message.example_list_with_context.examples.add().ParseFromString(TWO[1])
        message.example_list_with_context.context.ParseFromString(ONE[0])
        assert of_input(message) == ([TWO[1]], ONE[0])

    def test_a_context_alone_is_no_input(self) -> None:
        with pytest.raises(InvalidArgumentError, match="Input is empty"):
            batch_of([], ONE[0])


def task(signature: str, method: str, version: int | None = None, name: str = "m") -> Task:
    return Task(ModelSpec(name, version, signature=signature), method)


class TestMultiInference:
    def test_answers_come_in_the_order_of_the_tasks(self, dataplane: Dataplane, model: HeadsModel) -> None:
        tasks = [task("regress", REGRESS), task("", CLASSIFY), task("column", REGRESS)]
        first, second, third = multi_inference(dataplane, tasks, TWO, example(other=[1]))
        assert isinstance(first.result, Regression)
        assert first.result.values.tolist() == [2.5, 7.5]
        assert isinstance(second.result, Classification)
        assert second.result.scores is not None
        assert second.result.scores.tolist() == [[0.75, 0.25], [0.25, 0.75]]
        assert isinstance(third.result, Regression)
        assert third.result.values.tolist() == [0.25, 0.75]
        assert [(each.version, each.signature) for each in (first, second, third)] == [
            (4, "regress"),
            (4, "serving_default"),
            (4, "column"),
        ]

    @pytest.mark.parametrize(
        ("tasks", "kind", "message"),
        [
            ([], InvalidArgumentError, "ModelSpec has no name specified."),
            ([task("", CLASSIFY, name="n")], NotFoundError, "Servable not found for request: Latest(n)"),
            (
                [task("", CLASSIFY), task("regress", REGRESS, name="")],
                InvalidArgumentError,
                "Found ModelSpec with an empty model name.",
            ),
            (
                [task("", CLASSIFY), task("regress", REGRESS, name="n")],
                InvalidArgumentError,
                "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
            ),
            (
                [task("", CLASSIFY), task("regress", REGRESS, version=3)],
                InvalidArgumentError,
                "All ModelSpecs in a MultiInferenceRequest must access the same model version.",
            ),
            (
                [task("", CLASSIFY), task("serving_default", CLASSIFY)],
                InvalidArgumentError,
                "Duplicate evaluation of signature: serving_default",
            ),
            (
                [task("nothing", CLASSIFY)],
                InvalidArgumentError,
                "Requested signature not found in model graph: nothing",
            ),
            ([task("", PREDICT)], UnimplementedError, f"Unsupported signature method_name: {PREDICT}"),
            ([task("", REGRESS)], InvalidArgumentError, "Expected one output Tensor."),
            (
                [task("regress", REGRESS), task("numbers", REGRESS)],
                InvalidArgumentError,
                "Input tensor must be the same for all Signatures.",
            ),
            ([task("numbers", REGRESS)], InvalidArgumentError, 'input "inputs" has dtype string; expected float32'),
        ],
    )
    def test_refused(self, dataplane: Dataplane, tasks: list[Task], kind: type[OpError], message: str) -> None:
        assert refusal(kind, multi_inference, dataplane, tasks, ONE) == message

    def test_no_example(self, dataplane: Dataplane) -> None:
        assert refusal(InvalidArgumentError, multi_inference, dataplane, [task("", CLASSIFY)], []) == "Input is empty."


def test_examples_are_counted(service: Service, dataplane: Dataplane) -> None:
    classify(dataplane, spec(), TWO)
    regress(dataplane, spec("regress"), ONE)
    multi_inference(dataplane, [task("", CLASSIFY), task("regress", REGRESS)], TWO)
    with pytest.raises(InvalidArgumentError):
        classify(dataplane, spec("nothing"), ONE)
    page = service.metrics.page(service.models).splitlines()
    prefix = ":tensorflow:serving:request_example_count"
    assert prefix + '_total{model="m"} 5' in page
    assert prefix + 's_bucket{model="m",le="1"} 1' in page
    assert prefix + 's_bucket{model="m",le="2"} 3' in page
    assert prefix + 's_bucket{model="m",le="16384"} 3' in page
    for api in ("Classify", "Regress", "MultiInference"):
        assert f':tensorflow:serving:runtime_latency_count{{model_name="m",API="{api}",runtime="Headrace"}} 1' in page


class TestMethodNames:
    """With `check_methods`, a signature is used only as what its method name says."""

    @pytest.fixture
    def dataplane(self, tmp_path: Path) -> Iterator[Dataplane]:
        write_version(tmp_path, 4, 1.0)
        options = dataclasses.replace(QUICK, check_methods=True)
        with Service(tmp_path, options, engine=HeadsEngine()) as service:
            wait_until(lambda: service.lifecycle.available)
            yield service.dataplane

    def test_the_right_one(self, dataplane: Dataplane) -> None:
        assert classify(dataplane, spec(), ONE).signature == "serving_default"
        assert regress(dataplane, spec("regress"), ONE).result.values.tolist() == [2.5]
        assert len(multi_inference(dataplane, [task("regress", REGRESS), task("", CLASSIFY)], ONE)) == 2
        for name in ("serving_default", "regress", "scores"):
            assert dataplane.predict(spec(name), {"inputs": batch_of(ONE)}).signature == name

    def test_the_wrong_one(self, dataplane: Dataplane) -> None:
        classification = f"Expected classification signature method_name to be {CLASSIFY}. Was: "
        regression = f"Expected regression signature method_name to be {REGRESS}. Was: "
        assert refusal(InvalidArgumentError, classify, dataplane, spec("scores"), ONE) == classification + PREDICT
        assert refusal(InvalidArgumentError, regress, dataplane, spec("column"), ONE) == regression + PREDICT
        assert refusal(InvalidArgumentError, regress, dataplane, spec(), ONE) == regression + CLASSIFY
        assert (
            refusal(InvalidArgumentError, multi_inference, dataplane, [task("scores", CLASSIFY)], ONE) == classification + PREDICT
        )
        assert "Expected prediction signature method_name to be one of {tensorflow/serving/predict, " in refusal(
            InternalError, dataplane.predict, spec("odd"), {"inputs": batch_of(ONE)}
        )
