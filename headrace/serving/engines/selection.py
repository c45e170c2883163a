"""The engine of a model: by its options, by what its versions hold, and by what is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.serving.engines import litert, openvino
from headrace.serving.engines.base import Array, Engine, LoadedModel, Recipe, Signature, Told
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

    Attributes:
        recipe: all of these.

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
        self.recipe = Recipe(options, public_key, expected_digest, tuple(tags))
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
        return self._engine_for(path).load(path)

    def take_over(self, path: Path, signatures: Mapping[str, Signature], told: Told, content: Array) -> LoadedModel:
        """The version at `path` from what a helper process has made of it; see Movable.take_over."""
        if told and isinstance(self._engines[0], ChoosingEngine):
            return self._engines[0].take_over(path, signatures, told, content)
        return self.load(path)

    def _engine_for(self, path: Path) -> Engine:
        return next((engine for engine in self._engines[:-1] if engine.is_complete(path)), self._engines[-1])


def made_of(recipe: Recipe) -> ServingEngine:
    """The engine of a recipe."""
    return ServingEngine(recipe.options, recipe.public_key, recipe.expected_digest, recipe.tags)


def _without_choice(options: EngineOptions) -> str:
    """Why XLA runs what it loads, where nothing is measured."""
    return "it is asked for" if options.engine == "xla" else "OpenVINO is not installed (pip install 'headrace[openvino]')"


def _compilers(options: EngineOptions) -> list[OpenVino]:
    """OpenVINO in every precision that is allowed and of use on this machine."""
    wanted = {"f32", *options.precisions} & openvino.precisions()
    return [OpenVino(precision, options.streams) for precision in ("f32", "bf16", "int8") if precision in wanted]
