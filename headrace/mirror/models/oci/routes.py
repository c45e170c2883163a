"""The registry's HTTP routes (OCI distribution specification 1.1)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote, urlencode

from aiohttp import web

from headrace.core.errors import DeadlineExceededError, InvalidArgumentError, NotFoundError, OpError, ResourceExhaustedError
from headrace.mirror.audit import AuditLog
from headrace.mirror.downloads import Wanted
from headrace.mirror.models.oci.errors import OciError, response
from headrace.mirror.models.oci.registry import Registry
from headrace.mirror.models.oci.remote import Remote
from headrace.mirror.models.oci.uploads import Upload, Uploads
from headrace.mirror.server.access import Access
from headrace.mirror.server.callers import caller_of
from headrace.mirror.server.files import FileSender
from headrace.mirror.upstream.source import FilePart
from headrace.modelpack import manifest as manifests
from headrace.modelpack.names import check_name, check_version

_PIECE_BYTES = 1 << 20
_IDLE_SECONDS = 60.0
_MOST_TAGS = 1000
_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _Here:
    """The source of blobs that are in the store or nowhere; see Source."""

    name = "oci"

    def file(self, url: str, offset: int) -> AbstractAsyncContextManager[FilePart]:
        raise NotFoundError(f"the blob {url} is no longer in the store at byte {offset}")

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        raise NotFoundError(f"there is no {url} of {max_bytes} bytes at most")


class OciRoutes:
    """Answers the clients of OCI registries.

    Args:
        registry: what is there.
        uploads: what is on its way.
        files: sends blobs.
        access: says who may push, and pull.
        audit: told of pushes.
        max_file_bytes: of one blob.
        remote: has the repositories that are not here; None for none.
    """

    def __init__(
        self,
        registry: Registry,
        uploads: Uploads,
        files: FileSender,
        access: Access,
        audit: AuditLog,
        max_file_bytes: int,
        remote: Remote | None = None,
    ) -> None:
        self._registry = registry
        self._uploads = uploads
        self._files = files
        self._access = access
        self._audit = audit
        self._max_file_bytes = max_file_bytes
        self._remote = remote

    def routes(self) -> list[web.RouteDef]:
        """The routes, those with the longer ends first."""
        table: list[tuple[str, str, _Handler]] = [
            ("GET", "/v2/", self._base),
            ("POST", "/v2/{name:.+}/blobs/uploads/", self._begin),
            ("GET", "/v2/{name:.+}/blobs/uploads/{upload}", self._progress),
            ("PATCH", "/v2/{name:.+}/blobs/uploads/{upload}", self._append),
            ("PUT", "/v2/{name:.+}/blobs/uploads/{upload}", self._end),
            ("DELETE", "/v2/{name:.+}/blobs/uploads/{upload}", self._cancel),
            ("GET", "/v2/{name:.+}/blobs/{digest}", self._blob),
            ("DELETE", "/v2/{name:.+}/blobs/{digest}", self._delete),
            ("GET", "/v2/{name:.+}/manifests/{reference}", self._manifest),
            ("PUT", "/v2/{name:.+}/manifests/{reference}", self._put),
            ("DELETE", "/v2/{name:.+}/manifests/{reference}", self._delete),
            ("GET", "/v2/{name:.+}/tags/list", self._tags),
            ("GET", "/v2/{name:.+}/referrers/{digest}", self._referrers),
        ]
        return [web.route(method, path, _told(handler)) for method, path, handler in table]

    async def _base(self, request: web.Request) -> web.StreamResponse:
        if self._access.has_uploaders:  # some clients send a token later only if it is asked for here
            self._access.uploader(request)
        return web.json_response({}, headers=_VERSION)

    async def _manifest(self, request: web.Request) -> web.StreamResponse:
        name, reference = self._read(request), request.match_info["reference"]
        if (remote := self._elsewhere(name)) is not None:
            found = await remote.manifest(name, reference)
        else:
            found = await asyncio.to_thread(self._registry.manifest, name, reference)
        headers = {
            "Content-Type": found.media_type,
            "Docker-Content-Digest": f"sha256:{found.digest}",
            "ETag": f'"{found.digest}"',
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
            **_VERSION,
        }
        if f'"{found.digest}"' in [each.strip() for each in request.headers.get("If-None-Match", "").split(",")]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=found.data, headers=headers)

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        digest = _digest(request.match_info["digest"])
        name = self._read(request)
        if (remote := self._elsewhere(name)) is not None:
            wanted = remote.blob(name, digest)
        else:
            size = await asyncio.to_thread(self._registry.blob_size, name, digest)
            wanted = Wanted(_Here(), digest, f"sha256:{digest}", size)
        headers = {"Docker-Content-Digest": f"sha256:{digest}", **_VERSION}
        if self._access.is_personal:
            headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return await self._files.answer(request, wanted, "blob", headers)

    async def _tags(self, request: web.Request) -> web.StreamResponse:
        name = self._read(request)
        last, asked = request.query.get("last", ""), request.query.get("n", str(_MOST_TAGS))
        if not asked.isdecimal():
            raise InvalidArgumentError(f"n={asked[:40]!r} is no number of tags")
        most = min(int(asked[:9]), _MOST_TAGS)
        remote = self._elsewhere(name)
        known = remote.tags(name) if remote is not None else await asyncio.to_thread(self._registry.tags, name)
        found = [tag for tag in known if tag > last]
        headers = dict(_VERSION)
        if 0 < most < len(found):
            headers["Link"] = (
                f'<{_before(request)}/v2/{name}/tags/list?{urlencode({"n": most, "last": found[most - 1]})}>; rel="next"'
            )
        return web.json_response({"name": name, "tags": found[:most]}, headers=headers)

    async def _referrers(self, request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(self._registry.referrers, self._read(request), _digest(request.match_info["digest"]))
        headers = dict(_VERSION)
        if wanted := request.query.get("artifactType"):
            found = [each for each in found if each["artifactType"] == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        body = {"schemaVersion": 2, "mediaType": manifests.INDEX_TYPE, "manifests": found}
        return web.Response(body=json.dumps(body).encode(), content_type=manifests.INDEX_TYPE, headers=headers)

    async def _put(self, request: web.Request) -> web.StreamResponse:
        name, reference = _name(request), request.match_info["reference"]
        who = caller_of(request, self._uploader(request, name))
        if not reference.startswith("sha256:"):
            try:
                check_version(reference)
            except InvalidArgumentError as error:
                raise OciError("MANIFEST_INVALID", 400, error.message) from None
        data = bytearray()
        async for piece in _pieces(request):
            data += piece
            if len(data) > manifests.MAX_MANIFEST_BYTES:
                raise OciError("SIZE_INVALID", 413, f"the manifest has more than {manifests.MAX_MANIFEST_BYTES} bytes")
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip()
        try:
            digest, found = await asyncio.to_thread(self._registry.put, name, reference, bytes(data), kind)
        except (OciError, OpError) as error:
            self._audit.record("push", "refused", who, repository=name, reference=reference, reason=error.message)
            raise
        what = {"repository": name, "reference": reference, "sha256": digest}
        await asyncio.to_thread(self._audit.record, "push", "taken", who, True, **what)
        headers = {
            "Location": f"{_before(request)}/v2/{name}/manifests/sha256:{digest}",
            "Docker-Content-Digest": f"sha256:{digest}",
            **_VERSION,
        }
        if found.subject is not None:
            headers["OCI-Subject"] = f"sha256:{found.subject.digest}"
        return web.Response(status=201, headers=headers)

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        name = _name(request)
        owner = self._uploader(request, name)
        mounted = request.query.get("mount")
        if mounted is not None:
            source = request.query.get("from")
            if source is not None:
                self._access.check_model(request, source)
            digest = _digest(mounted)
            may_look = source is not None or not self._access.is_personal  # else it could be one that is not the caller's to read
            if may_look and await asyncio.to_thread(self._registry.mount, name, digest, source and check_name(source)):
                return _made(request, name, digest)
        wanted = _digest(request.query["digest"]) if "digest" in request.query else None
        upload = await asyncio.to_thread(self._uploads.begin, name, owner)
        if wanted is None:
            return _going_on(request, 202, name, upload, 0)
        try:
            with self._uploads.opened(upload, name, owner) as work:
                return await self._finish(request, name, upload, work, wanted)
        except BaseException:  # nobody knows of this upload, so nobody can go on with it
            self._uploads.forget(upload)
            raise

    async def _progress(self, request: web.Request) -> web.StreamResponse:
        name, upload = _name(request), request.match_info["upload"]
        size = await asyncio.to_thread(self._uploads.size, upload, name, self._uploader(request, name))
        return _going_on(request, 204, name, upload, size)

    async def _append(self, request: web.Request) -> web.StreamResponse:
        name, upload = _name(request), request.match_info["upload"]
        with self._uploads.opened(upload, name, self._uploader(request, name)) as work:
            await self._receive(request, name, upload, work)
            return _going_on(request, 202, name, upload, work.size)

    async def _end(self, request: web.Request) -> web.StreamResponse:
        name, upload = _name(request), request.match_info["upload"]
        owner = self._uploader(request, name)
        digest = _digest(request.query.get("digest", ""))
        with self._uploads.opened(upload, name, owner) as work:
            return await self._finish(request, name, upload, work, digest)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        name, upload = _name(request), request.match_info["upload"]
        await asyncio.to_thread(self._uploads.size, upload, name, self._uploader(request, name))
        self._uploads.forget(upload)
        return web.Response(status=204, headers=_VERSION)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        raise OciError(
            "UNSUPPORTED", 405, f"nothing can be deleted from {_name(request)}: a version stands for one content, for good"
        )

    async def _finish(self, request: web.Request, name: str, upload: str, work: Upload, digest: str) -> web.StreamResponse:
        """Takes the rest of an upload, and makes a blob of it."""
        await self._receive(request, name, upload, work)
        if work.digest != digest:
            self._uploads.forget(upload)
            raise OciError("DIGEST_INVALID", 400, f"{work.size} bytes came with sha256:{work.digest}, not sha256:{digest}")
        await asyncio.to_thread(self._registry.add_blob, name, work.path, digest, work.size)
        self._uploads.forget(upload)
        return _made(request, name, digest)

    async def _receive(self, request: web.Request, name: str, upload: str, work: Upload) -> None:
        """Adds the body of a request to an upload. What has come before a break stays."""
        start = work.size
        last = None
        if header := request.headers.get("Content-Range"):
            first, _, end = header.removeprefix("bytes ").partition("/")[0].partition("-")
            if not first.isdecimal() or not end.isdecimal() or int(end) < int(first):
                raise OciError("BLOB_UPLOAD_INVALID", 400, f"the Content-Range {header[:80]!r} is none; expected such as 0-1023")
            last = int(end)
            if int(first) != start:
                headers = dict(_going_on(request, 416, name, upload, start).headers)
                raise OciError(
                    "BLOB_UPLOAD_INVALID", 416, f"{start} bytes have come, and {header[:80]} does not go on there", headers
                )
        self._registry.check_room(min(request.content_length or 0, self._max_file_bytes))
        async for piece in _pieces(request):
            if work.size + len(piece) > self._max_file_bytes:
                raise OciError("SIZE_INVALID", 413, f"the blob has more than {self._max_file_bytes} bytes, which this mirror takes")
            try:
                await asyncio.to_thread(work.write, piece)
            except OSError as error:
                raise ResourceExhaustedError(f"the blob cannot be kept: {error}") from None
        if last is not None and work.size != last + 1:
            raise OciError(
                "SIZE_INVALID", 400, f"the body has {work.size - start} bytes; its Content-Range says {last + 1 - start}"
            )

    def _uploader(self, request: web.Request, name: str) -> str:
        """The name of who pushes into a repository.

        Raises:
            UnauthenticatedError: nobody that is known.
            PermissionDeniedError: somebody who may not do this.
        """
        try:
            uploader = self._access.uploader(request)
            uploader.check_model(name)
        except OpError as error:
            self._audit.record("push", "refused", caller_of(request), repository=name, reason=error.message)
            raise
        return uploader.name

    def _elsewhere(self, name: str) -> Remote | None:
        """What has a repository that is not here; None where it is here, or nowhere."""
        return self._remote if self._remote is not None and not self._registry.owns(name) else None

    def _read(self, request: web.Request) -> str:
        """The name of the repository that a request reads.

        Raises:
            UnauthenticatedError, PermissionDeniedError: it is not this caller's to read.
        """
        name = _name(request)
        self._access.check_model(request, name)
        return name


def _told(handler: _Handler) -> _Handler:
    """A handler whose errors are told in the registry's form."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except (OciError, OpError) as error:
            return response(error)

    return answer


def _before(request: web.Request) -> str:
    """What stands before the registry's own paths, where a proxy gives it a folder."""
    return request.path.partition("/v2/")[0]


def _name(request: web.Request) -> str:
    try:
        return check_name(request.match_info["name"])
    except InvalidArgumentError as error:
        raise OciError("NAME_INVALID", 400, error.message) from None


def _digest(text: str) -> str:
    try:
        return manifests.parse_digest(text)
    except InvalidArgumentError as error:
        raise OciError("DIGEST_INVALID", 400, error.message) from None


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The body of a request. Who sends nothing for a while is no longer waited for."""
    while True:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                piece = await request.content.readany() if request.body_exists else b""
        except TimeoutError:
            raise DeadlineExceededError(f"nothing came for {_IDLE_SECONDS:.0f} s; go on with the upload when you can") from None
        if not piece:
            return
        for start in range(0, len(piece), _PIECE_BYTES):
            yield piece[start : start + _PIECE_BYTES]


def _going_on(request: web.Request, status: int, name: str, upload: str, size: int) -> web.Response:
    """The answer that tells how far an upload is."""
    headers = {
        "Location": f"{_before(request)}/v2/{name}/blobs/uploads/{quote(upload)}",
        "Range": f"0-{max(0, size - 1)}",
        "Docker-Upload-UUID": upload,
        **_VERSION,
    }
    return web.Response(status=status, headers=headers)


def _made(request: web.Request, name: str, digest: str) -> web.Response:
    """The answer that a blob is here."""
    headers = {
        "Location": f"{_before(request)}/v2/{name}/blobs/sha256:{digest}",
        "Docker-Content-Digest": f"sha256:{digest}",
        **_VERSION,
    }
    return web.Response(status=201, headers=headers)
