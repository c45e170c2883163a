"""Status and signatures as messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.core.errors import OpError
from headrace.core.spec import TensorSpec
from headrace.proto.messages import SignatureDef
from headrace.proto.serving import GetModelMetadataResponse, GetModelStatusResponse, ModelVersionStatus, SignatureDefMap
from headrace.proto.tensors import shape_to_proto, to_proto
from headrace.serving.engines.base import Signature
from headrace.serving.grpc.codec import fill_spec
from headrace.serving.servable import Handle, VersionStatus

SIGNATURE_DEF = "signature_def"
"""The one field of metadata that there is."""


def status_response(statuses: Sequence[VersionStatus]) -> Any:
    """The GetModelStatusResponse of a model's versions."""
    response = GetModelStatusResponse()
    for status in statuses:
        version = response.model_version_status.add(
            version=status.version, state=ModelVersionStatus.State.Value(status.state.value)
        )
        fill_status(version.status, status.error)
    return response


def fill_status(proto: Any, error: OpError | None) -> None:
    """Writes an outcome into a StatusProto that stands in a message; None is OK."""
    proto.SetInParent()
    if error is not None:
        proto.error_code = error.error_code
        proto.error_message = error.message.encode("utf-8", "replace").decode()


def metadata_response(handle: Handle) -> Any:
    """The GetModelMetadataResponse of a version: all its signatures."""
    response = GetModelMetadataResponse()
    fill_spec(response.model_spec, handle.model, handle.version)
    signatures = {name: _signature(signature) for name, signature in handle.signatures.items()}
    response.metadata[SIGNATURE_DEF].Pack(SignatureDefMap(signature_def=signatures), deterministic=True)
    return response


def _signature(signature: Signature) -> Any:
    proto = SignatureDef(method_name=signature.method_name)
    _describe(proto.inputs, signature.inputs)
    _describe(proto.outputs, signature.outputs)
    for name, value in signature.defaults.items():
        proto.defaults[name].CopyFrom(to_proto(value, signature.inputs[name].dtype))
    return proto


def _describe(infos: Any, specs: Mapping[str, TensorSpec]) -> None:
    """Fills a map of TensorInfo."""
    for name, spec in specs.items():
        info = infos[name]
        info.name = spec.name or name
        info.dtype = spec.dtype.enum
        info.tensor_shape.CopyFrom(shape_to_proto(spec.shape))
