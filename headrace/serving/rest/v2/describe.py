"""What the protocol tells of the server and its models."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.core.spec import TensorSpec
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Signature
from headrace.serving.rest.v2.datatypes import name_of
from headrace.serving.rest.values import load
from headrace.serving.servable import Handle, State, VersionStatus

_PLATFORM = "tensorflow_savedmodel"
_STATES = {
    State.START: "LOADING",
    State.LOADING: "LOADING",
    State.AVAILABLE: "READY",
    State.UNLOADING: "UNLOADING",
    State.END: "UNAVAILABLE",
}


def server_json() -> dict[str, Any]:
    """The server's name, version and extensions of the protocol."""
    return {"name": "headrace", "version": importlib.metadata.version("headrace"), "extensions": ["binary_tensor_data"]}


def model_json(handle: Handle, versions: Sequence[int]) -> dict[str, Any]:
    """A model's inputs and outputs: those of the usual signature, and of each one under `signatures` (ours).

    A dimension that may vary is -1, and so is the whole shape where the rank may. A type that the protocol has no name for
    has TensorFlow's.
    """
    signatures = {name: _signature(signature) for name, signature in sorted(handle.signatures.items())}
    usual = signatures.get(DEFAULT_SIGNATURE, {"inputs": [], "outputs": []})
    return {
        "name": handle.model,
        "versions": [str(version) for version in versions],
        "platform": _PLATFORM,
        **usual,
        "signatures": signatures,
    }


def is_ready(statuses: Sequence[VersionStatus]) -> bool:
    """True when a version of a model is served."""
    return any(status.state is State.AVAILABLE for status in statuses)


def index_json(models: Mapping[str, Sequence[VersionStatus]], body: bytes) -> list[dict[str, str]]:
    """Every version of every model, in the states of the model repository extension.

    Args:
        models: the versions by model.
        body: the request: nothing, or `{"ready": true}` for those that are served.

    Raises:
        InvalidArgumentError: the request is something else.
    """
    content = load(body) if body else {}
    if not isinstance(content, dict) or type(content.get("ready", False)) is not bool:
        raise InvalidArgumentError('the request is not an object with "ready" true or false')
    entries = [_entry(name, status) for name, statuses in models.items() for status in statuses]
    return [entry for entry in entries if entry["state"] == "READY" or not content.get("ready")]


def _entry(name: str, status: VersionStatus) -> dict[str, str]:
    reason = status.error.message if status.error else ""
    return {"name": name, "version": str(status.version), "state": _STATES[status.state], "reason": reason}


def _signature(signature: Signature) -> dict[str, Any]:
    return {
        "inputs": [_tensor(name, spec) for name, spec in sorted(signature.inputs.items())],
        "outputs": [_tensor(name, spec) for name, spec in sorted(signature.outputs.items())],
    }


def _tensor(name: str, spec: TensorSpec) -> dict[str, Any]:
    dims = spec.shape.dims
    shape = [-1] if dims is None else [-1 if dim is None else dim for dim in spec.shape.as_tuple()]
    return {"name": name, "datatype": name_of(spec.dtype) or spec.dtype.name, "shape": shape}
