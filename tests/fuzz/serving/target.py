"""`headrace serve` with two models in memory that fuzzing cannot make wait, fail or grow.

    python -m tests.fuzz.serving.target serve --model_config_file=FILE ...

A model whose base path ends in `heads` reads tf.Examples; any other one has the toy model's signatures, and one for each datatype
that gives back what it gets.
"""

from __future__ import annotations

import faulthandler
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from headrace.cli.main import main
from headrace.serving import server
from headrace.serving.engines.base import Array, Signature
from tests.serving.toy import SIGNATURES, ToyEngine, ToyModel
from tests.serving.toy_heads import HEADS, HeadsModel
from tests.serving.toy_v2 import NUMPY, EchoModel

_TOY = ("serving_default", "pair", "text", "total", "divide")
_HEADS = ("serving_default", "labels", "scores", "regress", "column")


class _Toy(ToyModel):
    signatures: Mapping[str, Signature] = {
        **{name: SIGNATURES[name] for name in _TOY},
        **{name: EchoModel.signatures[name] for name in NUMPY},
    }

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        if signature in NUMPY:
            return dict(inputs)
        with np.errstate(all="ignore"):
            outputs: dict[str, Array] = getattr(self, f"_{signature}")(**inputs)
        return outputs


class _Heads(HeadsModel):
    signatures: Mapping[str, Signature] = {name: HEADS[name] for name in _HEADS}

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        with np.errstate(all="ignore"):
            outputs: dict[str, Array] = getattr(self, f"_{signature}")(**inputs)
        return outputs


class Engine(ToyEngine):
    """Loads one of the two models."""

    def load(self, path: Path) -> ToyModel:
        kind = _Heads if path.parent.name == "heads" else _Toy
        return kind(json.loads((path / "saved_model.pb").read_text())["scale"])


if __name__ == "__main__":
    faulthandler.enable()
    server.ServingEngine = lambda *_: Engine()
    main()
