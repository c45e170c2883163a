"""The hub's routes, as its clients ask for them with HF_ENDPOINT set to the mirror's URL and /hf."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from headrace.core.errors import InvalidArgumentError, OpError
from headrace.core.log_lines import fields
from headrace.mirror.downloads import Wanted
from headrace.mirror.models.huggingface import errors
from headrace.mirror.models.huggingface.errors import HubDeniedError
from headrace.mirror.models.huggingface.git_blobs import GitBlobs
from headrace.mirror.models.huggingface.hub import Hub
from headrace.mirror.models.huggingface.kept import Items, Revision
from headrace.mirror.models.huggingface.names import Repository, check_revision, is_commit, is_path, repository
from headrace.mirror.models.huggingface.revisions import Revisions
from headrace.mirror.models.huggingface.trees import Trees
from headrace.mirror.policy.enforcement import Enforcement
from headrace.mirror.policy.models import ModelPolicy
from headrace.mirror.server.callers import caller_of
from headrace.mirror.server.errors import http_status
from headrace.mirror.server.files import FileSender

logger = logging.getLogger(__name__)

PREFIX = "/hf"
_API = PREFIX + "/api/{kind:models|datasets|spaces}/{id:[^/]+(?:/[^/]+)?}"
_FILES = PREFIX + "/{kind:datasets|spaces}/{id:[^/]+(?:/[^/]+)?}/resolve/{revision}/{path:.+}"
_MODEL_FILES = PREFIX + "/{id:[^/]+(?:/[^/]+)?}/resolve/{revision}/{path:.+}"
_DEFAULT_REVISION = "main"
_MAX_ASKED_PATHS = 5000

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HuggingFace:
    """Answers the hub's clients.

    Args:
        hub: where files come from.
        revisions: what branches are.
        trees: what files commits have.
        blobs: small files.
        files: sends files.
        policy: what is given out.
    """

    def __init__(
        self, hub: Hub, revisions: Revisions, trees: Trees, blobs: GitBlobs, files: FileSender, policy: Enforcement
    ) -> None:
        self._hub = hub
        self._revisions = revisions
        self._trees = trees
        self._blobs = blobs
        self._files = files
        self._enforcement = policy

    def routes(self) -> list[web.RouteDef]:
        """The routes; the first that fits is taken."""
        return [
            web.get(_API + "/revision/{revision}", _told(self._info)),
            web.get(_API + "/tree/{revision}", _told(self._tree)),
            web.get(_API + "/tree/{revision}/{folder:.*}", _told(self._tree)),
            web.post(_API + "/paths-info/{revision}", _told(self._paths)),
            web.get(_FILES, _told(self._file)),
            web.get(_MODEL_FILES, _told(self._file)),
            web.get(_API, _told(self._info)),
        ]

    async def close(self) -> None:
        """Ends what is at work."""
        await self._revisions.close()
        await self._trees.close()
        await self._blobs.close()

    async def _info(self, request: web.Request) -> web.StreamResponse:
        _, _, found, document = await self._open(request)
        siblings = [each for each in document.get("siblings", []) if not self._denies(each, "rfilename")]
        headers = {"Cache-Control": "no-cache", "X-Headrace-Staleness": f"{self._revisions.age(found):.0f}"}
        return _json({**document, "siblings": siblings}, headers)

    async def _tree(self, request: web.Request) -> web.StreamResponse:
        asked, _, _, document = await self._open(request)
        folder = request.match_info.get("folder", "").strip("/")
        if folder and not is_path(folder):
            raise InvalidArgumentError(f"{folder[:120]!r} is no path of a folder")
        recursive = request.query.get("recursive", "false").lower() in ("true", "1")
        items = await self._trees.items(asked, document["sha"], folder, recursive)
        return _json(self._given_out(items), {"X-Repo-Commit": document["sha"], "Cache-Control": "no-cache"})

    async def _paths(self, request: web.Request) -> web.StreamResponse:
        """Those of the paths in a form, or in JSON, that are there."""
        asked, _, _, document = await self._open(request)
        if request.content_type == "application/json":
            body = await _body(request)
            paths = body.get("paths", []) if isinstance(body, dict) else None
        else:
            paths = (await request.post()).getall("paths", [])
        if not isinstance(paths, list) or len(paths) > _MAX_ASKED_PATHS or not all(isinstance(each, str) for each in paths):
            raise InvalidArgumentError(f"'paths' must be a list of texts, {_MAX_ASKED_PATHS} at most")
        items = {item["path"]: item for item in await self._trees.items(asked, document["sha"], "", recursive=True)}
        found = [items[path.strip("/")] for path in paths if path.strip("/") in items]
        return _json(self._given_out(found), {"X-Repo-Commit": document["sha"], "Cache-Control": "no-cache"})

    async def _file(self, request: web.Request) -> web.StreamResponse:
        asked, revision, _, document = await self._open(request)
        path, commit = request.match_info["path"], document["sha"]
        reason = self._policy.judge_file(path)
        if reason is not None:
            raise self._refused(request, asked, reason)
        entry = await self._trees.find(asked, commit, path)
        etag = f'"{entry.sha256 or entry.oid}"'
        headers = {
            "ETag": etag,
            "X-Linked-ETag": etag,
            "X-Linked-Size": str(entry.size),
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
            **({} if is_commit(revision) else {"Cache-Control": "no-cache"}),
        }
        if request.method == "HEAD":
            response = web.StreamResponse(headers=headers)
            response.content_length = entry.size
            await response.prepare(request)
            return response
        url = self._hub.url(asked, commit, path)
        digest = entry.sha256 or await self._blobs.sha256(self._hub.upstream, url, entry)
        return await self._files.answer(request, Wanted(self._hub.upstream, digest, url, entry.size), path, headers)

    async def _open(self, request: web.Request) -> tuple[Repository, str, Revision, dict[str, Any]]:
        """The repository and revision that a request names, if they are there and given out; the last is the revision's document.

        Raises:
            HubDeniedError: the policy does not give them out.
            InvalidArgumentError, OpError: no such names; see Revisions.get.
        """
        asked = repository(request.match_info.get("kind", "models"), request.match_info["id"])
        revision = check_revision(request.match_info.get("revision", _DEFAULT_REVISION))
        reason = self._policy.judge_name(asked.policy_name)
        if reason is not None:
            raise self._refused(request, asked, reason)
        found = await self._revisions.get(asked, revision)
        document = found.document
        assert document is not None
        tags = [tag for tag in document.get("tags") or [] if isinstance(tag, str)]
        reason = self._policy.judge_tags(asked.policy_name, tags, bool(document.get("gated")))
        if reason is None and isinstance(document.get("id"), str):  # the hub knows repositories by older names too
            reason = self._policy.judge_name(Repository(asked.kind, document["id"]).policy_name)
        if reason is not None:
            raise self._refused(request, asked, reason)
        return asked, revision, found, document

    @property
    def _policy(self) -> ModelPolicy:
        """The rules in force now."""
        return self._enforcement.judge.policy.models

    def _refused(self, request: web.Request, asked: Repository, reason: str) -> HubDeniedError:
        logger.warning("refused", extra=fields(repository=asked.files_path, reason=reason))
        path, audit = request.match_info.get("path", ""), self._enforcement.audit
        audit.record("model", "refused", caller_of(request), repository=asked.files_path, path=path, reason=reason)
        return HubDeniedError(reason)

    def _given_out(self, items: Items) -> Items:
        return [item for item in items if item["type"] != "file" or not self._denies(item, "path")]

    def _denies(self, item: Any, key: str) -> bool:
        return not isinstance(item, dict) or self._policy.judge_file(str(item.get(key))) is not None


def _told(handler: _Handler) -> _Handler:
    """A handler whose errors are told as the hub tells them."""

    @functools.wraps(handler)
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except OpError as error:
            return errors.response(error, http_status(error))

    return answer


async def _body(request: web.Request) -> Any:
    try:
        return await request.json()
    except (ValueError, RecursionError):
        raise InvalidArgumentError("the body is no JSON") from None


def _json(document: Any, headers: dict[str, str]) -> web.Response:
    response = web.Response(body=json.dumps(document).encode(), content_type="application/json", headers=headers)
    response.enable_compression()
    return response
