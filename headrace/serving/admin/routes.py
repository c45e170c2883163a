"""The routes of the admin API about models and the server as a whole."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.core.errors import NotFoundError
from headrace.core.spec import TensorSpec
from headrace.proto.serving import ModelServerConfig
from headrace.serving.admin.reloads import audited_reload, outcomes
from headrace.serving.admin.requests import number, read_text, who
from headrace.serving.audit import KEPT_EVENTS, AuditLog
from headrace.serving.configuration import text
from headrace.serving.models import Models, ModelSpec, version_number
from headrace.serving.rest.answers import json_answer
from headrace.serving.servable import VersionStatus


class ModelRoutes:
    """Says how the server and its models are, and replaces the list of models.

    Args:
        models: those of the server.
        audit: the events, and where reloads are noted.
    """

    def __init__(self, models: Models, audit: AuditLog) -> None:
        self._models = models
        self._audit = audit
        self._started = time.time()
        self._started_monotonic = time.monotonic()

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/admin/v1/status", self.status, methods=["GET"]),
            Route("/admin/v1/models:reload", self.reload, methods=["POST"]),
            Route("/admin/v1/models/{name:path}/versions/{version}", self.signatures, methods=["GET"]),
            Route("/admin/v1/audit", self.events, methods=["GET"]),
        ]

    async def status(self, _: Request) -> Response:
        """The server, and the state of every version of every model."""
        labels = self._models.labels()
        server = {
            "version": importlib.metadata.version("headrace"),
            "pid": os.getpid(),
            "started": round(self._started, 3),
            "uptime_seconds": round(time.monotonic() - self._started_monotonic, 3),
            "ready": not self._models.unready(),
        }
        models = {
            name: {"labels": labels.get(name, {}), "versions": [_version(status) for status in found]}
            for name, found in self._models.overview().items()
        }
        return json_answer({"server": server, "models": models})

    async def signatures(self, request: Request) -> Response:
        """The signatures of a version that is AVAILABLE."""
        version = request.path_params["version"]
        if not (version.isascii() and version.isdecimal()):
            raise NotFoundError(f"{version[:40]!r} is no version; expected a number")
        with self._models.acquire(ModelSpec(request.path_params["name"], version_number(version))) as handle:
            signatures = {
                name: {
                    "inputs": _tensors(signature.inputs),
                    "outputs": _tensors(signature.outputs),
                    "method": signature.method_name,
                }
                for name, signature in sorted(handle.signatures.items())
            }
        return json_answer({"signatures": signatures})

    async def reload(self, request: Request) -> Response:
        """Replaces the list of models by that of a text of a ModelServerConfig; answers once the new ones serve or have failed."""
        config = text.parse(await read_text(request), ModelServerConfig, "the request's body")
        result = await asyncio.to_thread(audited_reload, self._models, config, self._audit, who(request))
        return json_answer({"complete": result.error is None, "models": outcomes(result)})

    async def events(self, request: Request) -> Response:
        """The last events of the audit log, newest first."""
        events = self._audit.recent(number(request, "limit", 100, KEPT_EVENTS))
        return json_answer({"events": [asdict(event) for event in events]})


def _version(status: VersionStatus) -> dict[str, Any]:
    error = status.error
    return {
        "version": status.version,
        "state": status.state.value,
        "error": f"{error.code}: {error.message}" if error is not None else "",
        "digest": status.digest,
        "engine": status.engine,
        "engine_reason": status.engine_reason,
    }


def _tensors(specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    """Names to dtype and shape; an unknown dimension is -1, an unknown rank null."""
    return {
        name: {
            "dtype": spec.dtype.name,
            "shape": None if spec.shape.dims is None else [-1 if dim is None else dim for dim in spec.shape.dims],
        }
        for name, spec in sorted(specs.items())
    }
