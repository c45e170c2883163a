"""The MLP as a runtime of MLServer, which imports this file."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Mlp(MLModel):
    async def load(self) -> bool:
        self._weights = dict(np.load(self.settings.parameters.uri))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        weights = self._weights
        x = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32)
        hidden = np.maximum(x @ weights["w0"] + weights["b0"], 0)
        logits = hidden @ weights["w1"] + weights["b1"]
        exponents = np.exp(logits - logits.max(1, keepdims=True))
        output = NumpyCodec.encode_output("probabilities", exponents / exponents.sum(1, keepdims=True))
        return InferenceResponse(model_name=self.name, outputs=[output])
