"""Requests over HTTP by what Python brings along: bounded in size and time, and gone on with after breaks."""

from __future__ import annotations

import base64
import contextlib
import http.client
import ipaddress
import logging
import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit

from headrace.core.errors import (
    AlreadyExistsError,
    DataLossError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
)

logger = logging.getLogger(__name__)

_PIECE_BYTES = 1 << 18
_SHOWN = 400
_LEAST_BYTES_PER_SECOND = 512
_FIRST_WAIT_SECONDS = 0.2
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_BROKEN = (URLError, http.client.HTTPException, ConnectionError, TimeoutError)
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of bounded size."""

    status: int
    headers: Message
    body: bytes


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to us, so that a token goes nowhere else, and nobody is led from https:// to http://."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Transport:
    """Sends requests.

    Args:
        timeout_seconds: between two parts of an answer.
        tries: of a transfer that gets no further.
        origin: the URL of the server that gets the token.
        token: sent as password to that server, and to no other; "" for none.
    """

    def __init__(self, timeout_seconds: float, tries: int = 5, origin: str = "", token: str = "") -> None:
        self._timeout = timeout_seconds
        self._tries = tries
        self._origin = _origin(origin) if origin else None
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirects())
        if token and not (urlsplit(origin).scheme == "https" or _is_loopback(urlsplit(origin).hostname or "")):
            raise PermissionDeniedError(f"a token is not sent to {origin}, where all on the way can read it; expected https://")

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, max_bytes: int = 1 << 20) -> Reply:
        """One request, and one try.

        Raises:
            UnavailableError: no answer came, or one that broke off.
            ResourceExhaustedError: the answer is larger than `max_bytes`.
        """
        with self._opened(method, url, headers, body) as (status, found, content):
            data = bytearray()
            for piece in self._pieces(content, url):
                data += piece
                if len(data) > max_bytes:
                    raise ResourceExhaustedError(f"the answer of {_shown(url)} is larger than {max_bytes} bytes")
            length = found.get("Content-Length", "")
            if method != "HEAD" and length.isdecimal() and int(length) != len(data):
                raise UnavailableError(f"the answer of {_shown(url)} broke off after {len(data)} of {length} bytes")
            return Reply(status, found, bytes(data))

    def persistently(self, method: str, url: str, headers: Mapping[str, str], max_bytes: int = 1 << 20) -> Reply:
        """A request that changes nothing, tried again when no answer comes, or one that the server failed to make."""
        for left in reversed(range(self._tries)):
            try:
                reply = self.ask(method, url, headers, max_bytes=max_bytes)
                if reply.status < 500 and reply.status != 429:
                    return reply
                problem: OpError = refused(reply, url)
            except UnavailableError as error:
                problem = error
            if left:
                time.sleep(_FIRST_WAIT_SECONDS * 2 ** (self._tries - left - 1))
        raise problem

    def fetch(self, url: str, target: Path, size: int | None, max_bytes: int, progress: Progress) -> None:
        """Fetches a file, going on with what `target` has of it.

        Args:
            url: where it is.
            target: the file; what is in it came from the same URL.
            size: in bytes; None when that is not known.
            max_bytes: it may have.
            progress: told how many bytes came.

        Raises:
            NotFoundError, PermissionDeniedError, UnauthenticatedError: it is refused.
            UnavailableError: the server does not answer, or breaks off again and again.
            DataLossError: it has another size.
            ResourceExhaustedError: it is too large.
        """
        failures = 0
        with target.open("ab") as file:
            while True:
                before = file.tell()
                try:
                    if self._go_on(url, file, size, max_bytes, progress):
                        return
                except UnavailableError as error:
                    failures = 0 if file.tell() > before else failures + 1
                    if failures >= self._tries:
                        raise
                    logger.info("goes on after: %s", error)
                    time.sleep(_FIRST_WAIT_SECONDS * 2**failures)
                finally:
                    file.flush()

    def _go_on(self, url: str, file: IO[bytes], size: int | None, max_bytes: int, progress: Progress) -> bool:
        """Adds what comes next of a file; True once it has all."""
        start = file.tell()
        if size is not None and start == size:
            return True
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._opened("GET", url, headers, None) as (status, found, content):
            if status == 416 and start:
                _restart(file)
                return False
            if status == 206 and not found.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise DataLossError(f"{_shown(url)} sends another part of the file than was asked for")
            if status not in (200, 206):
                raise refused(Reply(status, found, content.read1(_SHOWN)), url)
            if status == 200 and start:
                progress(-start)
                _restart(file)
                start = 0
            length = found.get("Content-Length", "")
            whole = start + int(length) if length.isdecimal() else size
            if size is not None and whole != size:
                raise DataLossError(f"{_shown(url)} has {whole} bytes; {size} were promised")
            if (whole or 0) > max_bytes:
                raise ResourceExhaustedError(
                    f"{_shown(url)} has {whole} bytes; at most {max_bytes} are taken (HEADRACE_HUB_MAX_GIB)"
                )
            for piece in self._pieces(content, url):
                if file.tell() + len(piece) > (max_bytes if whole is None else whole):
                    raise ResourceExhaustedError(f"{_shown(url)} goes on behind its end, or is larger than {max_bytes} bytes")
                try:
                    file.write(piece)
                except OSError as error:
                    raise ResourceExhaustedError(f"{_shown(url)} cannot be kept: {error}") from None
                progress(len(piece))
            if whole is not None and file.tell() < whole:
                raise UnavailableError(f"{_shown(url)} broke off after {file.tell()} of {whole} bytes")
            return True

    def _pieces(self, content: Any, url: str) -> Iterator[bytes]:
        """The bytes of an answer. One that comes so slowly that it may never end is given up."""
        since, came = time.monotonic(), 0
        while True:
            try:
                piece: bytes = content.read1(_PIECE_BYTES)
            except _BROKEN as error:
                raise UnavailableError(f"{_shown(url)} broke off: {_told(error)}") from None
            if not piece:
                return
            yield piece
            came += len(piece)
            seconds = time.monotonic() - since
            if seconds > self._timeout:
                if came < _LEAST_BYTES_PER_SECOND * seconds:
                    raise UnavailableError(f"{_shown(url)} sent {came} bytes in {seconds:.0f} s, which is too slow to wait for")
                since, came = time.monotonic(), 0

    @contextlib.contextmanager
    def _opened(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Iterator[tuple[int, Message, Any]]:
        """An answer, redirects followed: its status, its headers and its content."""
        for _ in range(_MAX_REDIRECTS + 1):
            request = urllib.request.Request(url, body, {"User-Agent": "headrace-hub", **headers}, method=method)
            if self._token and _origin(url) == self._origin:
                pair = base64.b64encode(f"headrace:{self._token}".encode()).decode()
                request.add_unredirected_header("Authorization", f"Basic {pair}")
            try:
                response = self._opener.open(request, timeout=self._timeout)
            except HTTPError as error:
                response = error
            except (*_BROKEN, OSError, ValueError) as error:
                raise UnavailableError(f"{_shown(url)} cannot be reached: {_told(error)}") from None
            with response:
                if response.status not in _REDIRECTS or method not in ("GET", "HEAD"):
                    yield response.status, response.headers, response
                    return
                url = _led(url, response.headers.get("Location", ""))
        raise UnavailableError(f"{_shown(url)} redirects more than {_MAX_REDIRECTS} times")


def refused(reply: Reply, url: str) -> OpError:
    """The error that an answer tells of."""
    said = " ".join(reply.body[:_SHOWN].decode("utf-8", "replace").split())
    text = f"{_shown(url)} answers with status {reply.status}: {said}"
    if reply.status in (404, 410):
        return NotFoundError(text)
    if reply.status == 401:
        return UnauthenticatedError(text)
    if reply.status == 400:
        return InvalidArgumentError(text)
    if reply.status == 409:
        return AlreadyExistsError(text)
    if reply.status in (413, 507):
        return ResourceExhaustedError(text)
    if reply.status >= 500 or reply.status == 429:
        return UnavailableError(text)
    return PermissionDeniedError(text)


def _led(url: str, location: str) -> str:
    target = urljoin(url, location)
    if not location or urlsplit(target).scheme not in ("http", "https"):
        raise PermissionDeniedError(f"{_shown(url)} redirects to {location[:200]!r}, which is not followed")
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise PermissionDeniedError(f"{_shown(url)} redirects to {_shown(target)}, out of https, which is not followed")
    return target


def _restart(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _shown(url: str) -> str:
    """A URL for people, without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _told(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error) or type(error).__name__


def free_bytes(folder: Path) -> int:
    """What the file system of a folder has left, in bytes."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
