"""Uploads as twine and uv send them (PyPI's legacy upload API)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from pathlib import Path

import aiohttp
from aiohttp import web

from headrace.core.errors import DataLossError, InvalidArgumentError, OpError, ResourceExhaustedError
from headrace.core.log_lines import fields
from headrace.mirror.audit import AuditLog
from headrace.mirror.index.names import check_filename, normalize
from headrace.mirror.private.attestations import provenance
from headrace.mirror.private.index import PrivateIndex
from headrace.mirror.private.packages import Package, inspect
from headrace.mirror.private.uploaders import Uploader
from headrace.mirror.server.access import Access
from headrace.mirror.server.callers import caller_of
from headrace.store.blobs import BlobStore

logger = logging.getLogger(__name__)

_PIECE_BYTES = 256 << 10
_MAX_FIELD_BYTES = 1 << 20
_MAX_FIELDS = 500
_KEPT = (":action", "name", "version", "sha256_digest", "attestations")


class Uploads:
    """Takes packages into the private index.

    Args:
        private: the index.
        store: takes the files.
        access: says who may upload.
        folder: for files on their way.
        max_file_bytes: of one file.
        audit: told of uploads, and of those that are refused.
    """

    def __init__(
        self,
        private: PrivateIndex,
        store: BlobStore,
        access: Access,
        folder: Path,
        max_file_bytes: int,
        audit: AuditLog,
    ) -> None:
        self._private = private
        self._store = store
        self._access = access
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        self._audit = audit

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.post("/legacy/", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """The answer to an upload.

        Raises:
            UnauthenticatedError: without a token that is known.
            PermissionDeniedError: the name is not private, or not this uploader's.
            InvalidArgumentError: it is no upload, or no package that is what it is called.
            DataLossError: the file is not the one whose digest was sent along.
            AlreadyExistsError: a file of this name is there with another content.
            ResourceExhaustedError: it is too large.
        """
        try:
            uploader = self._access.uploader(request)
        except OpError as error:
            self._audit.record("upload", "refused", caller_of(request), reason=error.message)
            raise
        try:
            return await self._take(request, uploader)
        except OpError as error:
            self._audit.record("upload", "refused", caller_of(request, uploader.name), reason=error.message)
            raise

    async def _take(self, request: web.Request, uploader: Uploader) -> web.StreamResponse:
        self._folder.mkdir(parents=True, exist_ok=True)
        work = self._folder / f"upload-{secrets.token_hex(8)}"
        try:
            sent, filename, digest = await self._receive(request, work)
            package = await asyncio.to_thread(self._check, uploader, sent, filename, digest, work)
            about = provenance(sent["attestations"], filename, digest, uploader.name) if sent.get("attestations") else None
            size = work.stat().st_size
            await asyncio.to_thread(self._store.adopt, work, digest)
            fresh = await asyncio.to_thread(self._private.add, package, filename, digest, size, about)
        finally:
            work.unlink(missing_ok=True)
        logger.info("uploaded", extra=fields(uploader=uploader.name, file=filename, sha256=digest, new=fresh))
        who, what = caller_of(request, uploader.name), {"project": package.project, "file": filename, "sha256": digest}
        await asyncio.to_thread(self._audit.record, "upload", "taken" if fresh else "known", who, True, **what)
        return web.Response(text=f"{filename} is {'here now' if fresh else 'here already, the same one'}\n")

    async def _receive(self, request: web.Request, work: Path) -> tuple[dict[str, str], str, str]:
        """The fields that count, the file's name, and its digest; its content is in `work`."""
        if not request.content_type.startswith("multipart/"):
            raise InvalidArgumentError(f"an upload is multipart/form-data, not {request.content_type!r}; use twine or uv publish")
        sent: dict[str, str] = {}
        filename, digest = "", ""
        reader = await request.multipart()
        count = 0
        async for part in reader:
            count += 1
            if count > _MAX_FIELDS or not isinstance(part, aiohttp.BodyPartReader):
                raise InvalidArgumentError(f"an upload has plain fields, at most {_MAX_FIELDS}")
            if part.name == "content" and not filename:
                filename = check_filename(part.filename or "")
                digest = await self._write(part, work)
            else:
                text = await _field(part)
                if part.name in _KEPT:
                    sent[str(part.name)] = text
        if sent.get(":action") != "file_upload" or not filename:
            raise InvalidArgumentError('an upload has the field ":action" with the value "file_upload", and the file in "content"')
        return sent, filename, digest

    async def _write(self, part: aiohttp.BodyPartReader, work: Path) -> str:
        state, size = hashlib.sha256(), 0
        with await asyncio.to_thread(work.open, "xb") as file:
            while piece := await part.read_chunk(_PIECE_BYTES):
                size += len(piece)
                if size > self._max_file_bytes:
                    raise ResourceExhaustedError(f"the file has more than {self._max_file_bytes} bytes")
                state.update(piece)
                try:
                    await asyncio.to_thread(file.write, piece)
                except OSError as error:
                    raise ResourceExhaustedError(f"the file cannot be kept: {error.strerror}") from None
        return state.hexdigest()

    def _check(self, uploader: Uploader, sent: dict[str, str], filename: str, digest: str, work: Path) -> Package:
        if sent.get("sha256_digest", digest).lower() != digest:
            raise DataLossError(f"{filename} came with sha256 {digest}; the upload says {sent['sha256_digest'][:64]}")
        package = inspect(filename, work)
        if "name" in sent and normalize(sent["name"]) != package.project:
            raise InvalidArgumentError(f"the upload is of {sent['name'][:80]!r}, its file of {package.project!r}")
        uploader.check(package.project)
        return package


async def _field(part: aiohttp.BodyPartReader) -> str:
    data = bytearray()
    while piece := await part.read_chunk(_PIECE_BYTES):
        data += piece
        if len(data) > _MAX_FIELD_BYTES:
            raise ResourceExhaustedError(f"the field {part.name!r} of the upload has more than {_MAX_FIELD_BYTES} bytes")
    return data.decode("utf-8", "replace")
