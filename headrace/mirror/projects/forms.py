"""The one list that clients get, made of all upstreams' lists and the private names, and kept on disk in each form.

    lists/forms/KEY.json          its ETag and sizes
    lists/forms/KEY.gzip, .zstd   its bytes, packed

`KEY` is a digest of all that it was made of.
"""

from __future__ import annotations

import contextlib
import hashlib
import html
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from headrace.core import durable
from headrace.mirror.index.negotiation import GZIP, ZSTD
from headrace.mirror.index.packing import packed_file
from headrace.mirror.index.page import API_VERSION, JSON_TYPE

CODINGS = (GZIP, ZSTD)
_MAX_FORMS = 12
_BATCH_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Listed:
    """A project of the list: its normal name, its name, and its entry as JSON."""

    normal: str
    name: str
    entry: str


@dataclass(frozen=True, slots=True)
class Form:
    """The list in one form.

    Attributes:
        key: says what it was made of.
        etag: of its bytes, without quotes.
        size: of its bytes before they are packed.
    """

    key: str
    etag: str
    size: int


class Forms:
    """The folder of the forms."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> Form | None:
        """A form that is kept; None when it has to be made."""
        try:
            form = Form(**json.loads((self._folder / f"{key}.json").read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return form if all(self.path(form, coding).exists() for coding in CODINGS) else None

    def path(self, form: Form, coding: str) -> Path:
        """Where the bytes of a form are, packed."""
        return self._folder / f"{form.key}.{coding}"

    def make(self, key: str, media_type: str, serial: int | None, projects: Iterable[Listed]) -> Form:
        """Makes a form; the ones that were made longest ago go."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = _json(projects, serial) if media_type == JSON_TYPE else _html(projects)
        works = {coding: self._folder / f".{key}.{coding}.{secrets.token_hex(6)}.partial" for coding in CODINGS}
        state, size = hashlib.sha256(), 0
        try:
            with contextlib.ExitStack() as stack:
                files = [(stack.enter_context(work.open("xb")), coding) for coding, work in works.items()]
                sinks = [stack.enter_context(packed_file(file, coding)) for file, coding in files]
                for piece in _batches(text):
                    state.update(piece)
                    size += len(piece)
                    for sink in sinks:
                        sink.write(piece)
            for coding, work in works.items():
                work.replace(self._folder / f"{key}.{coding}")
        finally:
            for work in works.values():
                work.unlink(missing_ok=True)
        form = Form(key, state.hexdigest()[:32], size)
        durable.write(self._folder / f"{key}.json", json.dumps(asdict(form)).encode())
        self._tidy()
        return form

    def _tidy(self) -> None:
        kept = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in kept[_MAX_FORMS:]:
            for each in (path, *(path.with_suffix(f".{coding}") for coding in CODINGS)):
                each.unlink(missing_ok=True)


def _batches(text: Iterator[str]) -> Iterator[bytes]:
    pieces: list[str] = []
    size = 0
    for piece in text:
        pieces.append(piece)
        size += len(piece)
        if size >= _BATCH_BYTES:
            yield "".join(pieces).encode()
            pieces, size = [], 0
    yield "".join(pieces).encode()


def _json(projects: Iterable[Listed], serial: int | None) -> Iterator[str]:
    meta = {"api-version": API_VERSION, **({"_last-serial": serial} if serial is not None else {})}
    yield f'{{"meta":{json.dumps(meta, separators=(",", ":"))},"projects":['
    comma = ""
    for project in projects:
        yield f"{comma}{project.entry}"
        comma = ","
    yield "]}"


def _html(projects: Iterable[Listed]) -> Iterator[str]:
    yield f'<!DOCTYPE html>\n<html>\n<head>\n<meta name="pypi:repository-version" content="{API_VERSION}">\n'
    yield "<title>Simple index</title>\n</head>\n<body>\n"
    for project in projects:
        yield f'<a href="{project.normal}/">{html.escape(project.name)}</a><br>\n'
    yield "</body>\n</html>\n"
