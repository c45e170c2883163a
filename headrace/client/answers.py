"""What servers say of models and examples, read from TensorFlow Serving's messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from headrace.client.errors import of_code
from headrace.core.errors import DataLossError, OpError
from headrace.core.spec import TensorSpec
from headrace.proto.serving import ModelVersionStatus
from headrace.proto.tensors import Array, dtype_from_proto, from_proto, shape_from_proto

Classes = list[tuple[str, float]]
"""Labels and scores of one example."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature: its inputs and outputs by name. `defaults` has the values of inputs that may be left out."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str
    defaults: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The signatures of a version by name."""

    model: str
    version: int
    signatures: Mapping[str, Signature]


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """The state of a version: START, LOADING, AVAILABLE, UNLOADING or END. `error` is that of its load, if it failed."""

    version: int
    state: str
    error: OpError | None


def read(kind: Any, body: bytes) -> Any:
    """`body` as a message of class `kind`.

    Raises:
        DataLossError: it is none.
    """
    try:
        return kind.FromString(body)
    except DecodeError:
        raise DataLossError(f"the server's answer is no {kind.DESCRIPTOR.full_name} ({len(body)} bytes)") from None


def metadata_of(model: str, version: int, signatures: Mapping[str, Any]) -> Metadata:
    """Metadata of SignatureDefs by name.

    Raises:
        DataLossError: a signature has a dtype or a shape that there is not.
    """
    try:
        found = {
            name: Signature(
                _specs(proto.inputs),
                _specs(proto.outputs),
                proto.method_name,
                {key: from_proto(value, f"the default of {key!r}") for key, value in proto.defaults.items()},
            )
            for name, proto in signatures.items()
        }
    except OpError as error:
        raise DataLossError(f"the server's metadata of {model!r} is damaged: {error.message}") from None
    return Metadata(model, version, found)


def statuses_of(response: Any) -> list[VersionStatus]:
    """The states that a GetModelStatusResponse tells."""
    return [
        VersionStatus(
            each.version,
            ModelVersionStatus.State.Name(each.state) if each.state in ModelVersionStatus.State.values() else "UNKNOWN",
            of_code(each.status.error_code, each.status.error_message) if each.status.error_code else None,
        )
        for each in response.model_version_status
    ]


def _specs(infos: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(shape_from_proto(info.tensor_shape, name), dtype_from_proto(info.dtype, name), info.name)
        for name, info in infos.items()
    }
