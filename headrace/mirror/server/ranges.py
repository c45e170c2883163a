"""Parts of files that clients ask for (RFC 9110, section 14)."""

from __future__ import annotations

import re

_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range lies behind the end of the file."""


def part(header: str, condition: str, etag: str, size: int) -> tuple[int, int] | None:
    """The first byte of a part and the one behind its last; None when the whole file is to be sent.

    Args:
        header: `Range`; several ranges at once, and what is no range, are answered with the whole file, which is allowed.
        condition: `If-Range`; the part is sent only when it is this file's ETag.
        etag: the file's, with its quotes.
        size: of the file, in bytes.

    Raises:
        Unsatisfiable: there is no such part.
    """
    found = _RANGE.fullmatch(header)
    if found is None or (condition and condition.strip() != etag):
        return None
    first, last = found.groups()
    if first == "" == last or (first and last and int(last) < int(first)):
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= size or start >= stop:
        raise Unsatisfiable
    return start, stop
