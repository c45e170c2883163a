"""What the protocol tells of the server and its models, in its own structure: JSON objects, or the fields of messages."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from headrace.core.spec import TensorSpec
from headrace.serving.engines.base import DEFAULT_SIGNATURE, Signature
from headrace.serving.servable import Handle, State, VersionStatus
from headrace.serving.v2.datatypes import name_of

_VERSION = importlib.metadata.version("headrace")  # read once: the package may be replaced on disk while the server runs
_PLATFORM = "tensorflow_savedmodel"
_STATES = {
    State.START: "LOADING",
    State.LOADING: "LOADING",
    State.AVAILABLE: "READY",
    State.UNLOADING: "UNLOADING",
    State.END: "UNAVAILABLE",
}


def server() -> dict[str, Any]:
    """The server's name, version and extensions of the protocol."""
    return {"name": "headrace", "version": _VERSION, "extensions": ["binary_tensor_data"]}


def model(handle: Handle, versions: Sequence[int]) -> dict[str, Any]:
    """A model's inputs and outputs: those of the usual signature, and of each one under `signatures` (ours).

    A dimension that may vary is -1, and so is the whole shape where the rank may. A type that the protocol has no name for
    has TensorFlow's. `properties` has the digest of the version's files (ours).
    """
    signatures = {name: _signature(signature) for name, signature in sorted(handle.signatures.items())}
    usual = signatures.get(DEFAULT_SIGNATURE, {"inputs": [], "outputs": []})
    return {
        "name": handle.model,
        "versions": [str(version) for version in versions],
        "platform": _PLATFORM,
        **usual,
        "properties": {"digest": handle.digest} if handle.digest else {},
        "signatures": signatures,
    }


def is_ready(statuses: Sequence[VersionStatus]) -> bool:
    """True when a version of a model is served."""
    return any(status.state is State.AVAILABLE for status in statuses)


def index(models: Mapping[str, Sequence[VersionStatus]], ready: bool) -> list[dict[str, str]]:
    """Every version of every model, in the states of the model repository extension.

    Args:
        models: the versions by model.
        ready: only those that are served.
    """
    entries = [_entry(name, status) for name, statuses in models.items() for status in statuses]
    return [entry for entry in entries if entry["state"] == "READY" or not ready]


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
