"""An engine in memory whose model has heads: it reads the feature `x` of tf.Examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.proto.examples import read
from headrace.proto.messages import Example
from headrace.serving.engines.base import Array, Signature
from headrace.serving.heads import CLASSIFY, REGRESS
from tests.serving.toy import ToyEngine, ToyModel

STRINGS = {"inputs": TensorSpec([None], "string")}
SCORES = TensorSpec([None, 2], "float32")
LABELS = TensorSpec([None, 2], "string")
VALUES = TensorSpec([None], "float32")
ANY = TensorSpec(None, "float32")

HEADS = {
    "serving_default": Signature(STRINGS, {"classes": LABELS, "scores": SCORES}, CLASSIFY),
    "labels": Signature(STRINGS, {"classes": LABELS}, CLASSIFY),
    "scores": Signature(STRINGS, {"scores": SCORES}),
    "regress": Signature(STRINGS, {"outputs": VALUES}, REGRESS),
    "column": Signature(STRINGS, {"outputs": TensorSpec([None, 1], "float32")}),
    "odd": Signature(STRINGS, {"outputs": VALUES}, "something/else"),
    "numbers": Signature({"inputs": VALUES}, {"outputs": VALUES}, REGRESS),
    "two_inputs": Signature({**STRINGS, "more": VALUES}, {"outputs": VALUES}, REGRESS),
    "three_outputs": Signature(STRINGS, {"classes": LABELS, "scores": SCORES, "more": VALUES}, CLASSIFY),
    "other_input": Signature({"examples": STRINGS["inputs"]}, {"outputs": VALUES}),
    "other_input_classify": Signature({"examples": STRINGS["inputs"]}, {"scores": SCORES}),
    "other_output": Signature(STRINGS, {"probabilities": SCORES}),
    "free": Signature(STRINGS, {"outputs": ANY}, REGRESS),
    "free_scores": Signature(STRINGS, {"scores": ANY}, CLASSIFY),
    "free_both": Signature(STRINGS, {"classes": ANY, "scores": ANY}, CLASSIFY),
}


def example(**features: Any) -> bytes:
    """A serialized tf.Example: lists of floats, or of bytes, or of integers."""
    message = Example()
    for name, values in features.items():
        kind = {float: "float_list", bytes: "bytes_list", int: "int64_list"}[type(values[0])]
        getattr(message.features.feature[name], kind).value.extend(values)
    data: bytes = message.SerializeToString()
    return data


class HeadsModel(ToyModel):
    """Each head is a function of the first value of `x`; `free*` return what a test puts in `freely`. `strings` are all inputs."""

    signatures: Mapping[str, Signature] = HEADS

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        self.freely: dict[str, Array] = {}
        self.strings: dict[str, list[list[bytes]]] = defaultdict(list)

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if "inputs" in inputs:
            self.strings[signature].append(inputs["inputs"].tolist())
        return super().run(signature, inputs)

    def _x(self, inputs: Array) -> Array:
        (column,) = read(inputs.tolist(), [("x", dtypes.float32)])
        if (column.counts < 1).any():
            raise InvalidArgumentError("an example has no feature x")
        first: Array = column.values[np.cumsum(column.lengths) - column.lengths] * np.float32(self.scale)
        return first

    def _serving_default(self, inputs: Array) -> dict[str, Array]:  # type: ignore[override]
        x = self._x(inputs)
        return {"classes": np.array([[b"no", b"yes"]] * len(x), object), "scores": np.stack([1 - x, x], 1)}

    def _labels(self, inputs: Array) -> dict[str, Array]:
        return {"classes": self._serving_default(inputs)["classes"]}

    def _scores(self, inputs: Array) -> dict[str, Array]:
        return {"scores": self._serving_default(inputs)["scores"]}

    def _regress(self, inputs: Array) -> dict[str, Array]:
        return {"outputs": self._x(inputs) * np.float32(10)}

    def _column(self, inputs: Array) -> dict[str, Array]:
        return {"outputs": self._x(inputs)[:, None]}

    def _free(self, inputs: Array) -> dict[str, Array]:
        return self.freely

    _free_scores = _free
    _free_both = _free


class HeadsEngine(ToyEngine):
    """Loads a HeadsModel."""

    model = HeadsModel

    def only(self) -> HeadsModel:
        """The one model that was loaded."""
        (model,) = self.models.values()
        assert isinstance(model, HeadsModel)
        return model
