"""What of the requests is logged, and where."""

from __future__ import annotations

import enum
import logging
import os.path
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.core.log_lines import fields

logger = logging.getLogger(__name__)

_TYPES = ("", "file", "tfrecord")
"""Types of log collectors that mean files of TFRecords; there is no other."""


class Inputs(enum.Enum):
    """What the log holds of the inputs of a request."""

    FULL = "full"
    HASHED = "hashed"
    OMITTED = "omitted"


@dataclass(frozen=True, slots=True)
class RequestLogOptions:
    """How the server keeps request logs.

    Attributes:
        directory: holds all of them; no configuration leads out of it.
        inputs: what is kept of inputs.
        file_records: a file is finished after so many.
        file_bytes: or before it gets larger than this; a larger record is dropped.
        file_seconds: or after this time.
        total_bytes: of all files; the oldest are deleted to make room.
        max_waiting: requests that may wait to be written; more are dropped.
        max_waiting_bytes: of their tensors.
    """

    directory: Path
    inputs: Inputs = Inputs.FULL
    file_records: int = 1000
    file_bytes: int = 64 << 20
    file_seconds: float = 300.0
    total_bytes: int = 1 << 30
    max_waiting: int = 1024
    max_waiting_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if self.file_bytes > self.total_bytes:
            raise InvalidArgumentError(
                f"a request log of {self.file_bytes} bytes does not fit in {self.total_bytes} for all of them; raise the latter"
            )


@dataclass(frozen=True, slots=True)
class ModelLogging:
    """A model's LoggingConfig.

    Attributes:
        prefix: what the paths of its files begin with, relative to the directory of the logs.
        sampling_rate: the share of requests that is logged, 0 to 1.
    """

    prefix: str
    sampling_rate: float


def read_logging(model: Any, directory: Path | None) -> ModelLogging | None:
    """The logging of a ModelConfig; None where it has none, or the server keeps no logs.

    Args:
        model: the message.
        directory: of the logs; None keeps none, which a warning says.

    Raises:
        InvalidArgumentError: the rate is not from 0 to 1, or the prefix leads out of the directory.
        UnimplementedError: another type of log collector, or a configuration of one's own.
    """
    if not model.HasField("logging_config"):
        return None
    config = model.logging_config
    if directory is None:
        reason = "logging_config is not used: requests are logged where --request_log_directory says"
        logger.warning(reason, extra=fields(model=model.name))
        return None
    if config.HasField("custom_logging_config") or config.sampling_config.per_task_sampling_configs:
        raise UnimplementedError(f"model {model.name} has a custom logging_config; expected sampling_config with a sampling_rate")
    kind, rate = config.log_collector_config.type, config.sampling_config.sampling_rate
    if kind not in _TYPES:
        raise UnimplementedError(f'model {model.name} has the log collector type "{kind}"; the only one here is "file"')
    if not 0 <= rate <= 1:
        raise InvalidArgumentError(f"model {model.name} has the sampling_rate {rate:g}; expected from 0 to 1")
    return ModelLogging(_prefix(model.name, config.log_collector_config.filename_prefix, directory), rate)


def _prefix(model: str, given: str, directory: Path) -> str:
    """The prefix, relative to the directory; the model's name by default."""
    root = os.path.abspath(directory)
    path = os.path.abspath(os.path.join(root, given or model))
    name = os.path.basename(given or model)
    if "\0" in given or not path.startswith(os.path.join(root, "")) or not name or name.startswith("."):
        raise InvalidArgumentError(
            f"model {model} has the filename_prefix {given!r}; expected the beginning of a file's name below {root}, the server's"
            " --request_log_directory"
        )
    return os.path.relpath(path, root)
