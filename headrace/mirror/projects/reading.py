"""Reads an upstream's list of projects as it comes, a piece at a time: it is large, and never in memory as a whole."""

from __future__ import annotations

import codecs
import html.parser
import json
import re
from collections.abc import Iterator
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from headrace.core.errors import DataLossError
from headrace.mirror.index.page import HTML_TYPE, JSON_TYPE

Entry = dict[str, Any]
"""A project of the list, PEP 691: "name", and other keys."""
_SPACE = re.compile(r"[ \t\r\n]*")
_MAX_VALUE = 1 << 20
"""Characters of one entry, or of one value beside the entries."""


class Reader(Protocol):
    """Gives the entries of a list whose bytes come."""

    def feed(self, piece: bytes) -> Iterator[Entry]:
        """The entries that are whole now.

        Raises:
            DataLossError: it is no list.
        """

    def close(self) -> None:
        """Says that nothing more comes.

        Raises:
            DataLossError: something is missing.
        """


def reader(content_type: str) -> Reader:
    """Reads a list of this Content-Type.

    Raises:
        DataLossError: lists do not come in it.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in (JSON_TYPE, "application/json"):
        return JsonReader()
    if kind in (HTML_TYPE, "text/html"):
        return HtmlReader()
    raise DataLossError(f"the list of projects came as {content_type[:80]!r}; expected {JSON_TYPE} or HTML")


class JsonReader:
    """PEP 691's form: an object with the key "projects", anywhere among its keys."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._place = 0
        self._in_list = False
        self._started = False
        self._ended = False
        self._listed = False

    def feed(self, piece: bytes) -> Iterator[Entry]:
        """See Reader."""
        try:
            self._text = self._text[self._place :] + self._decode(piece)
        except UnicodeDecodeError as error:
            raise DataLossError(f"the list of projects is no UTF-8: {error}") from None
        self._place = 0
        while not self._ended:
            if self._in_list:
                entry = self._element()
                if entry is None:
                    break
                if entry:
                    yield entry
            elif not self._member():
                break
        if len(self._text) - self._place > _MAX_VALUE:
            raise DataLossError(f"the list of projects is no JSON, or has a value of more than {_MAX_VALUE} characters")

    def close(self) -> None:
        """See Reader."""
        if not self._ended or not self._listed:
            raise DataLossError('the list of projects is no whole JSON object with a list "projects"')

    def _element(self) -> Entry | None:
        """The next entry; an empty one at the end of the list, and None when it is not whole yet."""
        mark = self._mark()
        if mark == "]":
            self._place += 1
            self._in_list = False
            return {}
        if mark == ",":
            self._place += 1
            mark = self._mark()
        if not mark:
            return None
        found = self._value()
        if found is None:
            return None
        (entry,) = found
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise DataLossError("the list of projects has an entry without a name")
        return entry

    def _member(self) -> bool:
        """Goes over one key of the object and its value, or into the list; False when they are not whole yet."""
        start = self._place
        mark = self._mark()
        if mark == ("," if self._started else "{"):
            self._place += 1
            mark = self._mark()
        elif mark == "}" and self._started:
            self._ended = True
            return True
        elif mark and not self._started:
            raise DataLossError("the list of projects is no JSON object")
        key = self._value() if mark == '"' else None
        if key is not None and self._mark() == ":":
            self._place += 1
            if key[0] == "projects" and self._mark() == "[":
                self._place += 1
                self._started = self._in_list = self._listed = True
                return True
            if key[0] != "projects" and self._mark() and self._value() is not None:
                self._started = True
                return True
        self._place = start
        return False

    def _mark(self) -> str:
        """The next character that is no white space; "" when it has not come."""
        found = _SPACE.match(self._text, self._place)
        self._place = found.end() if found is not None else self._place
        return self._text[self._place : self._place + 1]

    def _value(self) -> tuple[Any] | None:
        """The next value; None when it has not come as a whole. A number is whole when something follows."""
        try:
            value, end = self._scan(self._text, self._place)
        except json.JSONDecodeError:
            return None
        except RecursionError:
            raise DataLossError("the list of projects is nested too deeply") from None
        if end >= len(self._text):
            return None
        self._place = end
        return (value,)


class HtmlReader(html.parser.HTMLParser):
    """PEP 503's form: an anchor for each project."""

    def __init__(self) -> None:
        super().__init__()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._found: list[Entry] = []
        self._open: tuple[str, list[str]] | None = None
        self._title = False

    def feed(self, piece: bytes) -> Iterator[Entry]:  # type: ignore[override]
        """See Reader."""
        super().feed(self._decode(piece))
        if len(self.rawdata) > _MAX_VALUE:
            raise DataLossError(f"the list of projects has a tag of more than {_MAX_VALUE} characters")
        found, self._found = self._found, []
        yield from found

    def close(self) -> None:
        """See Reader."""
        super().close()
        if not self._title:
            raise DataLossError("the list of projects has no element in it that a page has")

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Begins an anchor."""
        self._title = True
        if tag == "a":
            self._open = (dict(attributes).get("href") or "", [])

    def handle_data(self, data: str) -> None:
        """Text of an anchor."""
        if self._open is not None and len(self._open[1]) < 100:
            self._open[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        """Ends an anchor."""
        if tag == "a" and self._open is not None:
            href, text = self._open
            name = "".join(text).strip() or unquote(urlsplit(href).path.rstrip("/").rpartition("/")[2])
            self._found.append({"name": name})
            self._open = None
