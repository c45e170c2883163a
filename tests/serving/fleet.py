"""Several models with the toy engine, in this process, and configurations of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from headrace.core.errors import OpError
from headrace.proto.serving import ModelServerConfig
from headrace.serving.configuration.model_list import ModelConfig
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle
from headrace.serving.loads import LoadSlots
from headrace.serving.models import Models, ModelsOptions, ModelSpec
from tests.serving.toy import ToyEngine, write_version

ONES = np.ones((1, 2), np.float32)
NO_WARM_UP = LifecycleOptions(poll_seconds=0.01, max_load_retries=1, retry_seconds=0.02, warm_up=False)


def config(**models: Path | dict[str, Any]) -> Any:
    """A ModelServerConfig; a model is a base path, or `base_path` with `versions`, `latest` or `labels`."""
    message = ModelServerConfig()
    message.model_config_list.SetInParent()
    for name, given in models.items():
        options = given if isinstance(given, dict) else {"base_path": given}
        entry = message.model_config_list.config.add(
            name=name, base_path=str(options["base_path"]), model_platform=options.get("platform", "tensorflow")
        )
        if "versions" in options:
            entry.model_version_policy.specific.versions.extend(options["versions"])
        if "latest" in options:
            entry.model_version_policy.latest.num_versions = options["latest"]
        entry.version_labels.update(options.get("labels", {}))
    return message


class Fleet:
    """Models with a toy engine, in a folder of their own."""

    def __init__(self, root: Path, options: ModelsOptions | None = None, lifecycle: LifecycleOptions = NO_WARM_UP) -> None:
        self.root = root
        self.engine = ToyEngine()
        self.slots = LoadSlots(4)
        self.told: list[OpError | None] = []
        self._lifecycle = lifecycle
        self.models = Models((), self._build, options, self.told.append)

    def _build(self, model: ModelConfig) -> ModelLifecycle:
        return ModelLifecycle(model.name, model.base_path, self.engine, self._lifecycle, model.policy, slots=self.slots)

    def path(self, name: str, *versions: int, factor: float = 1.0) -> Path:
        """The base path of a model, with these versions; each scales by its number, times `factor`."""
        for version in versions:
            write_version(self.root / name, version, version * factor)
        return self.root / name

    def begin(self, first: Any) -> None:
        """Takes the first configuration and waits until it is loaded."""
        self.models.configure(first)
        self.models.start()
        assert self.models.wait_settled(30)

    def ask(self, name: str, version: int | None = None, label: str = "") -> float:
        """What a model makes of 1."""
        with self.models.acquire(ModelSpec(name, version, label)) as handle:
            return float(handle.run("serving_default", {"x": ONES})["y"][0, 0])
