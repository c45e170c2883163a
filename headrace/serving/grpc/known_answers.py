"""PredictResponses of a form that is known; see forms.py."""

from __future__ import annotations

from headrace.serving.dataplane import Prediction
from headrace.serving.engines.base import Signature
from headrace.serving.grpc.codec import predict_pieces
from headrace.serving.grpc.forms import Answers


class Responses:
    """Writes PredictResponses, and remembers their forms. Any thread may.

    Args:
        tensor_content: put numbers there, not into the typed lists.
    """

    def __init__(self, tensor_content: bool) -> None:
        self._content = tensor_content
        self._answers = Answers()

    def write(self, model: str, prediction: Prediction, signature: Signature) -> bytes:
        """The serialized PredictResponse of a prediction of `model`; `signature` says which dtypes the outputs have."""
        outputs, declared = prediction.outputs, signature.outputs
        shapes = ((name, value.shape, value.dtype, declared[name].dtype) for name, value in outputs.items())
        key = (model, prediction.version, prediction.signature, *shapes)
        filled = self._answers.filled(key, outputs)
        if filled is not None:
            return filled
        pieces = predict_pieces(model, prediction, signature, self._content)
        self._answers.keep(key, outputs, pieces)
        return b"".join(pieces)

    def __len__(self) -> int:
        return len(self._answers)
