"""Status, metadata and the list of models as JSON, in the form that TensorFlow Serving's protocol buffers print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict

from headrace.core.spec import TensorSpec
from headrace.proto.messages import POOL
from headrace.proto.tensors import enum_name, to_proto
from headrace.serving.engines.base import Array, Signature
from headrace.serving.servable import Handle, VersionStatus


def status_json(statuses: list[VersionStatus]) -> dict[str, Any]:
    """The answer to a status request."""
    return {"model_version_status": [_version(status) for status in statuses]}


def list_json(models: Mapping[str, list[VersionStatus]], labels: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """The answer to a request for all models, which TensorFlow Serving does not have."""
    return {"models": [_listed(name, statuses, labels.get(name, {})) for name, statuses in models.items()]}


def metadata_json(handle: Handle) -> dict[str, Any]:
    """The answer to a metadata request: every signature, int64 values as strings."""
    signatures = {name: _signature(signature) for name, signature in sorted(handle.signatures.items())}
    return {
        "model_spec": {"name": handle.model, "signature_name": "", "version": str(handle.version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _listed(name: str, statuses: list[VersionStatus], labels: Mapping[str, int]) -> dict[str, Any]:
    versions = [_version(status) | ({"digest": status.digest} if status.digest else {}) for status in statuses]
    listed = {"name": name, "model_version_status": versions}
    return listed | {"version_labels": {label: str(version) for label, version in sorted(labels.items())}} if labels else listed


def _version(status: VersionStatus) -> dict[str, Any]:
    error = status.error
    return {
        "version": str(status.version),
        "state": status.state.value,
        "status": {"error_code": error.code if error else "OK", "error_message": error.message if error else ""},
    }


def _signature(signature: Signature) -> dict[str, Any]:
    return {
        "inputs": {name: _tensor(name, spec) for name, spec in sorted(signature.inputs.items())},
        "outputs": {name: _tensor(name, spec) for name, spec in sorted(signature.outputs.items())},
        "method_name": signature.method_name,
        "defaults": {name: _default(signature.inputs[name], value) for name, value in sorted(signature.defaults.items())},
    }


def _default(spec: TensorSpec, value: Array) -> dict[str, Any]:
    proto = to_proto(value, spec.dtype)
    found: dict[str, Any] = MessageToDict(
        proto, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, descriptor_pool=POOL
    )
    return found


def _tensor(name: str, spec: TensorSpec) -> dict[str, Any]:
    dims = spec.shape.dims
    return {
        "dtype": enum_name(spec.dtype),
        "tensor_shape": {
            "dim": [{"size": str(-1 if dim is None else dim), "name": ""} for dim in dims or []],
            "unknown_rank": dims is None,
        },
        "name": spec.name or name,
    }
