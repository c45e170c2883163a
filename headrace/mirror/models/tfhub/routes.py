"""TF-Hub's route: an archive by its handle, with the mirror's URL and /tfhub in place of the host."""

from __future__ import annotations

import base64
import fnmatch
import logging
from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from headrace.core.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError
from headrace.core.log_lines import fields
from headrace.mirror.downloads import Wanted
from headrace.mirror.models.published import Published
from headrace.mirror.models.tfhub.archives import Archives
from headrace.mirror.models.tfhub.handles import Handle, handle
from headrace.mirror.policy.enforcement import Enforcement
from headrace.mirror.server.access import Access
from headrace.mirror.server.callers import caller_of
from headrace.mirror.server.files import FileSender
from headrace.mirror.upstream.source import Source
from headrace.mirror.upstream.unasked import Unasked
from headrace.modelpack.names import check_name, check_version

logger = logging.getLogger(__name__)

_FORMAT = "tf-hub-format"


class TfHub:
    """Answers tensorflow_hub.

    Args:
        archives: of models.
        published: models of one's own, which are looked for first.
        upstream: has the others, below `base`; None when there is none.
        base: the URL before handles upstream.
        private: patterns of names that are never looked for upstream.
        bucket: what `tf-hub-format=uncompressed` is redirected to, such as gs://bucket/folder; "" for nothing.
        files: sends files.
        policy: what is given out.
        access: says who may read published models.
    """

    def __init__(
        self,
        archives: Archives,
        published: Published,
        upstream: Source | None,
        base: str,
        private: Sequence[str],
        bucket: str,
        files: FileSender,
        policy: Enforcement,
        access: Access,
    ) -> None:
        self._access = access
        self._archives = archives
        self._published = published
        self._upstream = upstream
        self._base = base.rstrip("/")
        self._private = tuple(private)
        self._bucket = bucket.rstrip("/")
        self._files = files
        self._policy = policy

    def routes(self) -> list[web.RouteDef]:
        """The route."""
        return [web.get("/tfhub/{path:.+}", self._answer)]

    async def close(self) -> None:
        """Ends what is at work."""
        await self._archives.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        asked = handle(request.match_info["path"])
        reason = self._policy.judge.policy.models.judge_name(f"tfhub/{asked.path}")
        if reason is not None:
            logger.warning("refused", extra=fields(model=asked.path, reason=reason))
            self._policy.audit.record("model", "refused", caller_of(request), repository=f"tfhub/{asked.path}", reason=reason)
            raise PermissionDeniedError(reason)
        form = request.query.get(_FORMAT, "compressed")
        if form == "uncompressed":
            return self._elsewhere(asked)
        if form != "compressed":
            raise InvalidArgumentError(f"{_FORMAT}={form[:40]!r} is not known; expected compressed or uncompressed")
        return await self._archive(request, asked)

    async def _archive(self, request: web.Request, asked: Handle) -> web.StreamResponse:
        model = self._published.get(asked.name, asked.version) if _may_be_published(asked) else None
        source: Source = Unasked("published")
        own = model is not None or any(fnmatch.fnmatchcase(asked.name, pattern) for pattern in self._private)
        if own:
            self._access.check_model(request, asked.name)
        if model is not None:
            record = await self._archives.of_model(asked, model)
            url = asked.path
        else:
            if self._upstream is None or own:
                raise NotFoundError(f"no model {asked.path} was published here, and it is not looked for elsewhere")
            source, url = self._upstream, f"{self._base}/{quote(asked.path)}?{_FORMAT}=compressed"
            record = await self._archives.of_upstream(asked, source, url)
        digest = base64.b64encode(bytes.fromhex(record.digest)).decode()
        headers = {
            "Content-Type": "application/gzip",
            "Repr-Digest": f"sha-256=:{digest}:",
            "X-Headrace-Sha256": record.digest,
            "X-Headrace-Trust": record.trust,
        }
        return await self._files.answer(request, Wanted(source, record.digest, url, record.size), "model.tar.gz", headers)

    def _elsewhere(self, asked: Handle) -> web.StreamResponse:
        """The protocol's answer for models that are read from a bucket: it is in the body, and no file is given out."""
        if not self._bucket:
            raise NotFoundError(
                f"{asked.path} is given out as an archive only; set TFHUB_MODEL_LOAD_FORMAT=COMPRESSED, or give the mirror a bucket"
            )
        place = f"{self._bucket}/{asked.path}"
        return web.Response(status=303, text=place, headers={"Location": place})


def _may_be_published(asked: Handle) -> bool:
    try:
        check_name(asked.name)
        check_version(asked.version)
    except InvalidArgumentError:
        return False
    return True
