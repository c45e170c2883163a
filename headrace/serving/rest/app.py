"""The ASGI application: routes, limits and timeouts. Bodies are decoded, run and encoded on the workers' threads."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from headrace.core.errors import CancelledError, InternalError, OpError
from headrace.core.exposition import CONTENT_TYPE
from headrace.serving.access.callers import METRICS, PREDICT, Caller
from headrace.serving.access.gate import Gate
from headrace.serving.configuration.monitoring import DEFAULT_PATH
from headrace.serving.dataplane import Dataplane
from headrace.serving.metrics import ServingMetrics
from headrace.serving.rest import describe, openapi, paths
from headrace.serving.rest.admission import Admission
from headrace.serving.rest.answers import error_answer, failed, json_answer
from headrace.serving.rest.bodies import header, read_body
from headrace.serving.rest.counting import RUNNING, Counting
from headrace.serving.rest.direct.front import Direct
from headrace.serving.rest.errors import MethodNotAllowedError, PathNotFoundError
from headrace.serving.rest.heads import METHODS, HeadRunner
from headrace.serving.rest.predict import Predictor
from headrace.serving.rest.runner import RunCall
from headrace.serving.rest.time_limit import TimeLimit
from headrace.serving.rest.v2 import paths as paths_v2
from headrace.serving.rest.v2.infer import Inferrer
from headrace.serving.rest.v2.request import JSON_LENGTH, only_ready, padding
from headrace.serving.rest.values import load
from headrace.serving.servable import VersionStatus
from headrace.serving.v2 import describe as describe_v2
from headrace.serving.workers import Workers

logger = logging.getLogger(__name__)

_INDEX_BYTES = 64 << 10
_FEEDBACK_BYTES = 64 << 10
_OPEN = frozenset({"/healthz", "/livez", "/readyz", "/v2/health/live", "/v2/health/ready"})
"""Pages that everybody may read: what asks whether a server lives has no secrets."""


@dataclass(frozen=True, slots=True)
class RestOptions:
    """Limits of the REST API.

    Attributes:
        timeout_seconds: for one request, from its first byte to its answer.
        max_body_bytes: of a request, compressed and inflated.
        metrics_path: where Prometheus reads; None for nowhere.
        cross_origin: lets scripts of other sites' pages read the answers (CORS).
        origins: the sites whose pages may, which is `cross_origin` for those; empty says nothing of sites.
    """

    timeout_seconds: float = 30.0
    max_body_bytes: int = 128 << 20
    metrics_path: str | None = DEFAULT_PATH
    cross_origin: bool = False
    origins: tuple[str, ...] = ()


class RestApp:
    """Answers HTTP requests from a data plane."""

    def __init__(
        self,
        dataplane: Dataplane,
        metrics: ServingMetrics,
        workers: Workers,
        options: RestOptions | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._admission = Admission(gate)
        self._dataplane = dataplane
        self._models = dataplane.models
        self._metrics = metrics
        self._options = options or RestOptions()
        self._counting = Counting(dataplane, metrics, self._options.timeout_seconds)
        run = (dataplane, workers, self._options.max_body_bytes)
        self._predictor = Predictor(*run)
        self._runners: dict[str, Callable[[RunCall], Awaitable[bytes | Response]]] = {
            "predict": self._predictor.answer,
            **dict.fromkeys(METHODS, HeadRunner(*run).answer),
            "infer": Inferrer(*run).answer,
        }
        self._pages = {
            "/healthz": self._live,
            "/livez": self._live,
            "/readyz": self._ready,
            openapi.PATH: self._document,
            "/v2": self._server,
            "/v2/health/live": self._live,
            "/v2/health/ready": self._ready,
        }
        self._openapi = orjson.dumps(openapi.document(self._options.metrics_path))
        if self._options.metrics_path is not None:
            self._pages[self._options.metrics_path] = self._metrics_page

    def direct(self) -> Direct:
        """What answers small predict requests of a server's connections without this application, and as it would."""
        limit = self._options.max_body_bytes
        return Direct(self._admission, self._counting, self._predictor, self._options.timeout_seconds, limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request (ASGI)."""
        if scope["type"] != "http":
            raise RuntimeError(f"only HTTP is served here, not {scope['type']!r}")
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        except OpError as error:
            self._admission.refused(request, error)
            response = error_answer(error)
        except Exception:  # noqa: BLE001  logged by what it is told
            response = error_answer(failed())
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = _path(request.scope)
        page = self._pages.get(path)
        if page is not None:
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowedError(f"{request.method} is not allowed on {path}; use GET")
            if path not in _OPEN:
                caller = self._admission.admit(request)
                if path == self._options.metrics_path:
                    caller.check_role(METRICS)
            return page() if path != self._options.metrics_path else await asyncio.to_thread(page)
        caller = self._admission.admit(request)
        v2 = paths_v2.covers(path)
        target = (paths_v2 if v2 else paths).parse(request.method, path)
        if target.action == "feedback":
            return await self._feedback(request, caller)
        if target.action in RUNNING:
            caller.check_asks(target.spec.name)
            return await self._infer(request, target, caller)
        caller.check_sees(target.spec.name)
        return await self._describe_v2(request, target, caller) if v2 else self._describe(target, caller)

    def _describe(self, target: paths.Target, caller: Caller) -> Response:
        if target.action == "list":
            return json_answer(describe.list_json(self._overview(caller), self._models.labels()))
        if target.action == "status":
            return json_answer(describe.status_json(self._models.statuses(target.spec)))
        with self._models.acquire(target.spec) as handle:
            return json_answer(describe.metadata_json(handle))

    async def _describe_v2(self, request: Request, target: paths.Target, caller: Caller) -> Response:
        if target.action == "index":
            async with self._limit():
                body = await read_body(request, _INDEX_BYTES)
            return json_answer(describe_v2.index(self._overview(caller), only_ready(body)))
        if target.action == "ready":
            ready = describe_v2.is_ready(self._models.statuses(target.spec))
            return json_answer({"name": target.spec.name, "ready": ready}, 200 if ready else 503)
        versions = self._models.available_versions().get(target.spec.name, [])
        with self._models.acquire(target.spec) as handle:
            return json_answer(describe_v2.model(handle, versions))

    async def _feedback(self, request: Request, caller: Caller) -> Response:
        """What came of an answer, told by somebody who may ask the model."""
        caller.check_role(PREDICT)
        if self._dataplane.feedback is None:
            raise PathNotFoundError("this server has no traffic rules, so there is nothing that feedback could count for")
        async with self._limit():
            document = load(await read_body(request, _FEEDBACK_BYTES))
        if isinstance(document, dict):
            caller.check_asks(str(document.get("model", "")))
        return json_answer(await asyncio.to_thread(self._dataplane.feedback, document))

    def _overview(self, caller: Caller) -> dict[str, list[VersionStatus]]:
        """The models that a caller may know of."""
        return {name: found for name, found in self._models.overview().items() if caller.sees(name)}

    async def _infer(self, request: Request, target: paths.Target, caller: Caller) -> Response:
        header_of = functools.partial(header, request)
        call = self._counting.entered(target, caller, header_of, header(request, "content-encoding"))
        code = "OK"
        try:
            answer = await self._in_time(request, call)
        except OpError as error:
            code = error.code
            answer = error_answer(error)
        except (ClientDisconnect, asyncio.CancelledError):
            code = CancelledError.code
            raise
        except Exception:
            code = InternalError.code
            raise
        finally:
            self._counting.answered(call, code)
        if not isinstance(answer, Response):
            return Response(answer, headers=call.context.answer_headers, media_type="application/json")
        answer.headers.update(call.context.answer_headers)
        return answer

    async def _in_time(self, request: Request, call: RunCall) -> bytes | Response:
        async with self._limit():
            if call.target.action == "infer":
                call.json_length = header(request, JSON_LENGTH)
                call.padding = 0 if call.encoding else padding(call.json_length)
            call.body = await read_body(request, self._options.max_body_bytes, call.padding)
            self._admission.received(request, call.context.rights, len(call.body) - call.padding)
            return await self._runners[call.target.action](call)

    def _limit(self) -> TimeLimit:
        return TimeLimit(self._options.timeout_seconds)

    def _server(self) -> Response:
        return json_answer(describe_v2.server())

    def _document(self) -> Response:
        return Response(self._openapi, media_type="application/json")

    def _live(self) -> Response:
        return json_answer({"live": True})

    def _ready(self) -> Response:
        ready = self._dataplane.ready
        told = {"ready": ready, "draining": self._dataplane.draining.is_set()}
        return json_answer(told | {"models_without_available_version": self._models.unready()}, 200 if ready else 503)

    def _metrics_page(self) -> Response:
        return Response(self._metrics.whole_page(self._models), headers={"content-type": CONTENT_TYPE})


def _path(scope: Scope) -> str:
    """The path as sent, still URL-encoded."""
    raw: bytes = scope["raw_path"] if "raw_path" in scope else scope["path"].encode()
    return raw.decode("ascii", "replace").partition("?")[0]
