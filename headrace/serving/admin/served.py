"""What the admin API tells of and changes: the models of a server, be it one process or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from headrace.core.spec import TensorSpec
from headrace.serving.admin.reloads import audited_reload
from headrace.serving.audit import AuditLog
from headrace.serving.models import Models, ModelSpec, version_number
from headrace.serving.reload import ReloadResult
from headrace.serving.servable import VersionStatus


@dataclass(frozen=True, slots=True)
class Standing:
    """How a server stands.

    Attributes:
        overview: every model with its versions.
        labels: the version of every label, by model.
        ready: every model has an AVAILABLE version.
        processes: where there are several, one entry for each, for JSON.
    """

    overview: Mapping[str, Sequence[VersionStatus]]
    labels: Mapping[str, Mapping[str, int]]
    ready: bool
    processes: Sequence[Mapping[str, Any]] = ()


class Served(Protocol):
    """A server's models. The methods may wait, so no event loop calls them."""

    def standing(self) -> Standing:
        """How it stands now."""

    def signatures(self, model: str, version: str) -> dict[str, Any]:
        """The signatures of a version that is AVAILABLE, for JSON.

        Raises:
            OpError: there is none.
        """

    def reload(self, config: Any, who: str) -> ReloadResult:
        """Replaces the list of models, and notes it in the audit log; see Models.reload, whose errors it raises."""


class OneProcess:
    """The models of this process.

    Args:
        models: those.
        audit: where reloads are noted.
    """

    def __init__(self, models: Models, audit: AuditLog) -> None:
        self._models = models
        self._audit = audit

    def standing(self) -> Standing:
        """See Served."""
        return Standing(self._models.overview(), self._models.labels(), not self._models.unready())

    def signatures(self, model: str, version: str) -> dict[str, Any]:
        """See Served."""
        with self._models.acquire(ModelSpec(model, version_number(version))) as handle:
            return {
                name: {
                    "inputs": _tensors(signature.inputs),
                    "outputs": _tensors(signature.outputs),
                    "method": signature.method_name,
                }
                for name, signature in sorted(handle.signatures.items())
            }

    def reload(self, config: Any, who: str) -> ReloadResult:
        """See Served."""
        return audited_reload(self._models.reload, config, self._audit, who)


def _tensors(specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    """Names to dtype and shape; an unknown dimension is -1, an unknown rank null."""
    return {
        name: {
            "dtype": spec.dtype.name,
            "shape": None if spec.shape.dims is None else [-1 if dim is None else dim for dim in spec.shape.dims],
        }
        for name, spec in sorted(specs.items())
    }
