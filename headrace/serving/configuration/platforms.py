"""--platform_config_file: how SavedModels are loaded and batched, where that file says so."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.proto.serving import PlatformConfigMap, SavedModelBundleSourceAdapterConfig
from headrace.serving.configuration import text
from headrace.serving.configuration.model_list import TENSORFLOW


@dataclass(frozen=True, slots=True)
class PlatformOptions:
    """What a platform file sets; None for what it leaves to the flags.

    Attributes:
        saved_model_tags: of a SavedModel with several graphs, those of the one to serve.
        warm_up: True when it switches warm-up on. It cannot switch it off: a text does not tell false from not given.
        warm_up_iterations: runs of each request of a warm-up file.
        batching: a BatchingParameters message.
    """

    saved_model_tags: tuple[str, ...] | None = None
    warm_up: bool | None = None
    warm_up_iterations: int | None = None
    batching: Any = None


def read_platforms(path: Path) -> PlatformOptions:
    """What the PlatformConfigMap in the file `path` sets for SavedModels.

    Settings of TensorFlow's sessions have no counterpart here; the log says that they are not used.

    Raises:
        OpError: the file cannot be read or is no such text; see `text.read`.
        InvalidArgumentError: it configures another platform than "tensorflow", or that one with something else than a
            SavedModelBundleSourceAdapterConfig.
    """
    platforms = text.read_known(path, PlatformConfigMap).platform_configs
    for name in platforms:
        if name != TENSORFLOW:
            raise InvalidArgumentError(f"{path} configures platform {name!r}; expected {TENSORFLOW!r} only")
    packed = platforms[TENSORFLOW].source_adapter_config
    adapter = SavedModelBundleSourceAdapterConfig()
    if packed.type_url and not packed.Unpack(adapter):
        raise InvalidArgumentError(
            f"{path} configures platform {TENSORFLOW!r} with a {packed.TypeName() or packed.type_url}; expected a"
            f" {adapter.DESCRIPTOR.full_name}"
        )
    config = adapter.legacy_config
    iterations = config.model_warmup_options
    return PlatformOptions(
        saved_model_tags=tuple(config.saved_model_tags) or None,
        warm_up=config.enable_model_warmup or None,
        warm_up_iterations=iterations.num_request_iterations.value or None,
        batching=config.batching_parameters if config.HasField("batching_parameters") else None,
    )
