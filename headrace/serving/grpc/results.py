"""What heads say, as messages."""

from __future__ import annotations

from typing import Any

from headrace.serving.grpc.codec import fill_spec
from headrace.serving.heads import Classification, Regression, Result
from headrace.serving.inference import Answer


def fill_classify(response: Any, model: str, answer: Answer[Classification]) -> None:
    """Fills a ClassificationResponse."""
    fill_spec(response.model_spec, model, answer.version, answer.signature)
    _classifications(response.result, answer.result)


def fill_regress(response: Any, model: str, answer: Answer[Regression]) -> None:
    """Fills a RegressionResponse."""
    fill_spec(response.model_spec, model, answer.version, answer.signature)
    _regressions(response.result, answer.result)


def fill_inference(proto: Any, model: str, answer: Answer[Result]) -> None:
    """Fills an InferenceResult, the answer to one task of a MultiInferenceRequest."""
    fill_spec(proto.model_spec, model, answer.version, answer.signature)
    if isinstance(answer.result, Classification):
        _classifications(proto.classification_result, answer.result)
    else:
        _regressions(proto.regression_result, answer.result)


def _classifications(proto: Any, result: Classification) -> None:
    """A Classifications for each example, with a Class for each label and score."""
    for labels, scores in zip(result.labels(), result.score_rows().tolist(), strict=True):
        found = proto.classifications.add().classes
        for label, score in zip(labels, scores, strict=True):
            found.add(label=label, score=score)


def _regressions(proto: Any, result: Regression) -> None:
    proto.SetInParent()
    for value in result.values.tolist():
        proto.regressions.add(value=value)
