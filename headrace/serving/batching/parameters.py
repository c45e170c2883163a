"""Reads TensorFlow Serving's batching parameters: a text of BatchingParameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.proto.serving import BatchingParameters
from headrace.serving.batching.options import FixedBatching
from headrace.serving.configuration import text

PARAMETERS_FILE = "batching_params.pbtxt"
"""In a version's directory: parameters of that version alone."""


def read_parameters(path: Path) -> FixedBatching:
    """The parameters in the file `path`.

    Raises:
        NotFoundError, PermissionDeniedError, UnavailableError: the file cannot be read.
        InvalidArgumentError: it is no text of BatchingParameters, or the values do not fit together.
    """
    return from_proto(text.read(path, BatchingParameters), str(path))


def from_proto(parameters: Any, source: str) -> FixedBatching:
    """The parameters that a BatchingParameters message holds; `source` names it in errors.

    Raises:
        InvalidArgumentError: the values do not fit together.
    """
    try:
        return FixedBatching(**_values(parameters))
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{source}: {error.message}") from None


def _values(proto: Any) -> dict[str, Any]:
    """The fields that are set, as FixedBatching takes them."""
    values = {field.name: value if field.message_type is None else value.value for field, value in proto.ListFields()}
    return values | {"allowed_batch_sizes": tuple(proto.allowed_batch_sizes)}
