"""The list of models of a ModelServerConfig, checked as a whole before anything of it is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, UnimplementedError
from headrace.proto.serving import ModelServerConfig
from headrace.serving.request_log.options import ModelLogging, read_logging
from headrace.serving.storage import All, Latest, Specific, VersionPolicy

TENSORFLOW = "tensorflow"
"""The platform of SavedModels."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: what requests call it.
        base_path: absolute; holds one numbered directory a version.
        platform: what runs it.
        policy: which versions are served.
        logging: what of its requests is logged; None for nothing.
        labels: versions by the labels that requests may use in place of their numbers.
    """

    name: str
    base_path: Path
    platform: str = TENSORFLOW
    policy: VersionPolicy = field(default_factory=Latest)
    labels: Mapping[str, int] = field(default_factory=dict)
    logging: ModelLogging | None = None


def single(name: str, base_path: Path, logged: float = 0.0) -> Any:
    """The ModelServerConfig of one SavedModel, its newest version served. A relative path counts from the working directory.

    Args:
        name: of the model.
        base_path: holds its versions.
        logged: the share of its requests that is logged.
    """
    config = ModelServerConfig()
    model = config.model_config_list.config.add(name=name, base_path=str(base_path.absolute()), model_platform=TENSORFLOW)
    if logged:
        model.logging_config.sampling_config.sampling_rate = logged
    return config


def read_models(
    config: Any, platforms: Collection[str] = (TENSORFLOW,), log_directory: Path | None = None
) -> tuple[ModelConfig, ...]:
    """The models of a ModelServerConfig.

    Args:
        config: the message.
        platforms: those that this server can run.
        log_directory: holds the logs of requests; None keeps none.

    Raises:
        InvalidArgumentError: a model without a name, listed twice, with a path that is not absolute, without a platform or
            with one of no engine, with a policy that cannot select a version, a label that names none, or senseless logging.
        UnimplementedError: the config holds `custom_model_config`, or logging of another kind than to files.
    """
    if config.WhichOneof("config") == "custom_model_config":
        raise UnimplementedError("custom_model_config is not supported; list the models in model_config_list")
    found: dict[str, ModelConfig] = {}
    for position, model in enumerate(config.model_config_list.config, 1):
        if not model.name:
            raise InvalidArgumentError(f"model {position} of the config list has no name; give each a name that requests can use")
        if model.name in found:
            raise InvalidArgumentError(f"Illegal to list model {model.name} multiple times in config list")
        place, platform, logged = _base_path(model), _platform(model, platforms), read_logging(model, log_directory)
        found[model.name] = ModelConfig(model.name, place, platform, _policy(model), _labels(model), logged)
    return tuple(found.values())


def check_platforms(old: Mapping[str, ModelConfig], new: Sequence[ModelConfig]) -> None:
    """Raises InvalidArgumentError when a model of both lists is to change its platform."""
    for model in new:
        if model.name in old and old[model.name].platform != model.platform:
            raise InvalidArgumentError(
                f"Illegal to change a model's platform. For model {model.name} platform was {old[model.name].platform}"
                f" and new platform requested is {model.platform}"
            )


def check_label(model: ModelConfig, label: str, available: Collection[int]) -> None:
    """Raises FailedPreconditionError unless the version of `label` is among those `available`."""
    if model.labels[label] not in available:
        raise FailedPreconditionError(
            f"Request to assign label to version {model.labels[label]} of model {model.name}, which is not currently"
            f' available for inference (label "{label}"; load the version first, or start the server with'
            " --allow_version_labels_for_unavailable_models)"
        )


def _base_path(model: Any) -> Path:
    text = model.base_path
    if "://" in text:
        raise InvalidArgumentError(f"model {model.name} has base_path {text!r}; expected a path of this machine: mount or copy it")
    if not text.startswith("/"):
        raise InvalidArgumentError(f"Expected model {model.name} to have an absolute path or URI; got base_path()={text}")
    if "\0" in text:
        raise InvalidArgumentError(f"model {model.name} has a zero byte in its base_path {text!r}; expected a path")
    return Path(text)


def _platform(model: Any, platforms: Collection[str]) -> str:
    given = str(model.model_platform)
    if model.model_type:
        if given:
            raise InvalidArgumentError(
                f"Illegal setting both model_type (deprecated) and model_platform of model {model.name}; leave out model_type"
            )
        kind = model.DESCRIPTOR.fields_by_name["model_type"].enum_type.values_by_number.get(model.model_type)
        given = TENSORFLOW if kind is not None and kind.name == "TENSORFLOW" else "other"
    if not given:
        raise InvalidArgumentError(
            f"Illegal setting neither model_type (deprecated) nor model_platform of model {model.name};"
            ' set model_platform: "tensorflow"'
        )
    if given not in platforms:
        raise InvalidArgumentError(
            f"Model {model.name} requests unsupported platform {given}; expected one of {', '.join(sorted(platforms))}"
        )
    return given


def _policy(model: Any) -> VersionPolicy:
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return All()
    if choice == "specific":
        versions = frozenset(policy.specific.versions)
        if not versions or min(versions) < 0:
            raise InvalidArgumentError(
                f"the version policy of model {model.name} is specific with versions {sorted(versions)}; expected at least one,"
                " none below 0"
            )
        return Specific(versions)
    return Latest(policy.latest.num_versions or 1)


def _labels(model: Any) -> dict[str, int]:
    labels = {str(label): int(version) for label, version in model.version_labels.items()}
    for label, version in labels.items():
        if not label or version < 0:
            raise InvalidArgumentError(
                f'model {model.name} has the label "{label}" for version {version}; expected a text and a version of at least 0'
            )
    return labels
