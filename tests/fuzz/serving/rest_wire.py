"""Requests to the REST API whose answers are known, in odd framings: in pieces, several at once, with lengths that lie."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

_PATHS = [
    b"/v1/models/m:predict", b"/v1/models/m/versions/1:predict", b"/v1/models/m/labels/stable:predict", b"/V1/Models/m:PREDICT",
    b"/v1/models/%6D:predict", b"/v1/models/m:predict?a=b",
]  # fmt: skip
_SPACE = ["", " ", "\n", "\t ", "  \r\n"]
_LENGTH = [b"Content-Length", b"content-length", b"CONTENT-LENGTH"]
_HARMLESS = [
    b"Content-Type: application/json", b"Accept: */*", b"User-Agent: fuzz/1.0", b"Priority: u=3", b"Connection: keep-alive",
    b"X-Request-ID: 7", b"X-Empty:", b"Expect: 100-continue", b"Accept-Encoding: gzip", b"X-Long: " + b"x" * 3000,
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
]  # fmt: skip
_LIES = [
    b"Content-Length: -1", b"Content-Length: 5, 5", b"Content-Length: 0x15", b"Content-Length: 99999999999999999999",
    b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length : 5", b"Content-Length:", b"Content-Length: 5 5",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity", b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
]  # fmt: skip
_CHUNK_HEADS = [b"-1", b"ffffffffffffffff0", b"g", b"", b"5;a=b", b" 5", b"5 ", b"0x5", b"5\r\n5"]
MOST_PIECES = 12


@dataclass(slots=True)
class Answer:
    """What a request is answered.

    Attributes:
        status: of HTTP.
        content: the JSON of the body, whose numbers are float32s; None where that is not looked at.
    """

    status: int
    content: dict[str, Any] | None = None


def exact(draw: random.Random) -> tuple[bytes, Answer]:
    """A correct request and its answer: most often a prediction, which doubles its numbers, so that no two are alike."""
    kind = draw.randrange(12)
    if kind == 0:
        return b"GET /livez HTTP/1.1\r\nHost: fuzz\r\n\r\n", Answer(200, {"live": True})
    path, rows = draw.choice(_PATHS), draw.choice((1, 1, 1, 2, 3, 40, 2000))
    values = [[_number(draw), _number(draw)] for _ in range(rows)]
    doubled = [[2 * float(number) for number in row] for row in values]
    text = _spaced(values, draw)
    key, answer = draw.choice((("instances", "predictions"), ("inputs", "outputs")))
    body = f'{{{_gap(draw)}"{key}"{_gap(draw)}:{_gap(draw)}{text}{_gap(draw)}}}'
    wanted = Answer(200, {answer: doubled})
    if kind == 1:
        path, wanted = b"/v1/models/n:predict", Answer(404)
    elif kind == 2:
        body, wanted = body[: draw.randrange(len(body))], Answer(400)
    elif kind == 3:
        body, wanted = f'{{"{key}": [["a", 1]]}}', Answer(400)
    return _framed(path, body.encode(), draw), wanted


def _number(draw: random.Random) -> int | float:
    """One that float32 has exactly, and so has its double."""
    whole = draw.randrange(-(1 << 20), 1 << 20)
    return whole if draw.random() < 0.5 else whole / 16


def _gap(draw: random.Random) -> str:
    return draw.choice(_SPACE) if draw.random() < 0.3 else ""


def _spaced(values: list[list[int | float]], draw: random.Random) -> str:
    """The numbers as JSON, in one of its ways to write them."""
    kind = draw.randrange(4)
    if kind == 0:
        return json.dumps(values, indent=1)
    if kind == 1:
        return "[" + ",".join(f"[{a:.9e},{b:.12E}]" if draw.random() < 0.5 else f"[{a!r} ,{b!r}]" for a, b in values) + "]"
    return json.dumps(values, separators=(",", ":") if kind == 2 else None)


def _framed(path: bytes, body: bytes, draw: random.Random) -> bytes:
    lines = [b"POST %s HTTP/1.1" % path, draw.choice((b"Host: fuzz", b"host:fuzz", b"Host:\tfuzz "))]
    lines += draw.sample(_HARMLESS, draw.choice((0, 0, 1, 3)))
    if draw.random() < 0.15:
        size = draw.choice((1, 7, 1000)) if len(body) < 2000 else 5000
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        lines.append(b"Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        lines.append(b"%s: %d" % (draw.choice(_LENGTH), len(body)))
    return b"\r\n".join([*lines, b"", b""]) + body


def several(draw: random.Random) -> tuple[bytes, list[Answer]]:
    """Requests sent one after the other without waiting for answers, which must come in their order."""
    pairs = [exact(draw) for _ in range(draw.choice((1, 1, 2, 3, 8)))]
    # A client that asks leave to go on waits for it before it sends the next request.
    data = [request if len(pairs) == 1 else request.replace(b"Expect: 100-continue\r\n", b"") for request, _ in pairs]
    return b"".join(data), [answer for _, answer in pairs]


def lying(draw: random.Random) -> bytes:
    """A prediction whose framing lies about its length."""
    request, _ = exact(draw)
    head, _, body = request.partition(b"\r\n\r\n")
    kind = draw.randrange(5)
    if kind == 0:
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-length", b"transfer-encoding"))]
        return b"\r\n".join([*lines, draw.choice(_LIES), b"", b""]) + body
    if kind == 1:
        body = body + body[: draw.randrange(len(body) + 1)]
    elif kind == 2:
        body = body[: draw.randrange(len(body) + 1)]
    elif kind == 3:
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"content-length", b"transfer-encoding"))]
        head = b"\r\n".join([*lines, b"Transfer-Encoding: chunked"])
        body = draw.choice(_CHUNK_HEADS) + b"\r\n" + body + draw.choice((b"", b"\r\n0\r\n\r\n", b"0\r\n\r\n", b"\r\n"))
    else:
        return request + draw.randbytes(draw.randrange(1, 40))
    return head + b"\r\n\r\n" + body


def cuts(size: int, draw: random.Random) -> list[int]:
    """Where data of a size is cut into pieces that are sent apart: anywhere, and often within heads and lengths."""
    if draw.random() < 0.5:
        return []
    most = draw.choice((size, min(size, 300)))
    return sorted({draw.randrange(most + 1) for _ in range(draw.randrange(1, MOST_PIECES))})
