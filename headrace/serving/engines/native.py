"""The engine that runs SavedModels on Headrace's own runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from headrace import saved_model
from headrace.core.errors import FailedPreconditionError
from headrace.dispatch.convert import convert_to_tensor
from headrace.serving.engines.base import PREDICT_METHOD, Array, Signature


class NativeModel:
    """A SavedModel loaded by `headrace.saved_model`."""

    def __init__(self, loaded: Any) -> None:
        self._functions: dict[str, Any] = dict(loaded.signatures)
        self._signatures = {name: _signature(function) for name, function in self._functions.items()}

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """What the model offers, by signature name."""
        return self._signatures

    def run(self, signature: str, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Runs one signature; see LoadedModel.run."""
        specs = self._signatures[signature].inputs
        tensors = {name: convert_to_tensor(value, specs[name].dtype) for name, value in inputs.items()}
        return {name: np.asarray(value) for name, value in self._functions[signature](**tensors).items()}

    def close(self) -> None:
        """Drops the functions, and with them their variables and compiled programs."""
        self._functions.clear()


class NativeEngine:
    """Loads SavedModel directories."""

    def is_complete(self, path: Path) -> bool:
        """True once `saved_model.pb` is there."""
        return (path / "saved_model.pb").is_file()

    def load(self, path: Path) -> NativeModel:
        """Loads the SavedModel at `path`; see Engine.load."""
        model = NativeModel(saved_model.load(str(path)))
        if not model.signatures:
            raise FailedPreconditionError(
                f"the SavedModel at {path} has no signatures; save it with signatures={{'serving_default': function}} to serve it"
            )
        return model


def _signature(function: Any) -> Signature:
    return Signature(
        inputs=dict(function.structured_input_signature[1]),
        outputs=dict(function.structured_outputs),
        method_name=getattr(function, "method_name", PREDICT_METHOD),
    )
