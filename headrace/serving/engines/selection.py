"""The engine of a model: by its options, by what its versions hold, and by what is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headrace.serving.engines import litert, openvino
from headrace.serving.engines.base import Engine, LoadedModel
from headrace.serving.engines.chosen import ChoosingEngine
from headrace.serving.engines.native import NativeEngine
from headrace.serving.engines.openvino import OpenVino
from headrace.serving.engines.options import EngineOptions


class ServingEngine:
    """Loads version directories with what they hold: a SavedModel, or else a `model.tflite`.

    Args:
        options: what may run them.
        public_key: a PEM file; a version that no signature of its key covers is refused.
        expected_digest: of the content; any other version is refused.
        tags: of a SavedModel with several graphs, those of the one to load.

    Raises:
        FailedPreconditionError: the engine that the options name is not installed.
    """

    def __init__(
        self,
        options: EngineOptions,
        public_key: Path | None = None,
        expected_digest: str | None = None,
        tags: Sequence[str] = ("serve",),
    ) -> None:
        lite = litert.LiteRtEngine(options.streams, public_key, expected_digest)
        self._engines: tuple[Engine, ...]
        if options.engine == "litert":
            litert.require()
            self._engines = (lite,)
            return
        if options.engine == "openvino":
            openvino.require()
        native = NativeEngine(public_key, expected_digest, tags, _without_choice(options))
        saved_models: Engine = native
        if options.engine != "xla" and openvino.installed():
            saved_models = ChoosingEngine(native, options, _compilers(options))
        self._engines = (saved_models, lite)

    def is_complete(self, path: Path) -> bool:
        """True once there is something to load; see Engine.is_complete."""
        return any(engine.is_complete(path) for engine in self._engines)

    def load(self, path: Path) -> LoadedModel:
        """Loads the version at `path`; see Engine.load."""
        for engine in self._engines[:-1]:
            if engine.is_complete(path):
                return engine.load(path)
        return self._engines[-1].load(path)


def _without_choice(options: EngineOptions) -> str:
    """Why XLA runs what it loads, where nothing is measured."""
    return "it is asked for" if options.engine == "xla" else "OpenVINO is not installed (pip install 'headrace[openvino]')"


def _compilers(options: EngineOptions) -> list[OpenVino]:
    """OpenVINO in every precision that is allowed and of use on this machine."""
    wanted = {"f32", *options.precisions} & openvino.precisions()
    return [OpenVino(precision, options.streams) for precision in ("f32", "bf16", "int8") if precision in wanted]
