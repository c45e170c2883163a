"""`headrace serve` in a process of its own, with a model that gives back inputs of every dtype and has heads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from headrace.cli.main import main
from headrace.core import dtypes
from headrace.core.spec import TensorSpec
from headrace.proto.examples import read
from headrace.serving import server
from headrace.serving.engines.base import Array, Signature
from headrace.serving.heads import CLASSIFY, REGRESS
from tests.serving.toy import SIGNATURES, ToyEngine, ToyModel

ECHOED = [*dtypes.REAL, *dtypes.COMPLEX, dtypes.bool_, dtypes.string]
SCORES = TensorSpec([None, 2], "float32")
HEADS = {
    "classify": Signature(
        {"inputs": TensorSpec([None], "string")}, {"classes": TensorSpec([None, 2], "string"), "scores": SCORES}, CLASSIFY
    ),
    "regress": Signature({"inputs": TensorSpec([None], "string")}, {"outputs": TensorSpec([None], "float32")}, REGRESS),
}


class ClientModel(ToyModel):
    """Toys for clients: `echo_DTYPE` gives its input back, heads read the features `x` (float), `n` (int) and `s` (bytes)."""

    signatures: Mapping[str, Signature] = {
        **SIGNATURES,
        **HEADS,
        **{f"echo_{d.name}": Signature({"x": TensorSpec(None, d)}, {"y_bytes": TensorSpec(None, d)}) for d in ECHOED},
        "columns": Signature({"x": TensorSpec([None, 3], "float32")}, {"y": TensorSpec([None, 3], "float32")}),
    }

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if signature.startswith("echo_"):
            return {"y_bytes": inputs["x"]}
        return super().run(signature, inputs)

    def _columns(self, x: Array) -> dict[str, Array]:
        return {"y": x[:0]}

    def _classify(self, inputs: Array) -> dict[str, Array]:
        x, s = read(inputs.tolist(), [("x", dtypes.float32), ("s", dtypes.string)])
        return {
            "classes": np.stack([np.full(len(inputs), b"no", object), s.values], 1),
            "scores": np.stack([1 - x.values, x.values], 1),
        }

    def _regress(self, inputs: Array) -> dict[str, Array]:
        x, n = read(inputs.tolist(), [("x", dtypes.float32), ("n", dtypes.int64)])
        return {"outputs": x.values + n.values.astype(np.float32)}


class ClientEngine(ToyEngine):
    """Loads a ClientModel."""

    model = ClientModel


if __name__ == "__main__":
    server.ServingEngine = lambda *_: ClientEngine()
    main()
