"""The routes of the admin API about models and the server as a whole."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import time
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.core.errors import NotFoundError
from headrace.proto.serving import ModelServerConfig
from headrace.serving.admin.reloads import outcomes
from headrace.serving.admin.requests import number, read_text, who
from headrace.serving.admin.served import Served
from headrace.serving.audit import KEPT_EVENTS, AuditLog
from headrace.serving.configuration import text
from headrace.serving.rest.answers import json_answer
from headrace.serving.servable import VersionStatus


class ModelRoutes:
    """Says how the server and its models are, and replaces the list of models.

    Args:
        served: the server.
        audit: the events.
    """

    def __init__(self, served: Served, audit: AuditLog) -> None:
        self._served = served
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
        standing = await asyncio.to_thread(self._served.standing)
        server: dict[str, Any] = {
            "version": importlib.metadata.version("headrace"),
            "pid": os.getpid(),
            "started": round(self._started, 3),
            "uptime_seconds": round(time.monotonic() - self._started_monotonic, 3),
            "ready": standing.ready,
        }
        if standing.processes:
            server["processes"] = standing.processes
        models = {
            name: {"labels": standing.labels.get(name, {}), "versions": [_version(status) for status in found]}
            for name, found in standing.overview.items()
        }
        return json_answer({"server": server, "models": models})

    async def signatures(self, request: Request) -> Response:
        """The signatures of a version that is AVAILABLE."""
        version = request.path_params["version"]
        if not (version.isascii() and version.isdecimal()):
            raise NotFoundError(f"{version[:40]!r} is no version; expected a number")
        found = await asyncio.to_thread(self._served.signatures, request.path_params["name"], version)
        return json_answer({"signatures": found})

    async def reload(self, request: Request) -> Response:
        """Replaces the list of models by that of a text of a ModelServerConfig; answers once the new ones serve or have failed."""
        config = text.parse(await read_text(request), ModelServerConfig, "the request's body")
        result = await asyncio.to_thread(self._served.reload, config, who(request))
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
