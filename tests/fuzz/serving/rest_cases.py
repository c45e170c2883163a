"""HTTP requests to the REST API, most of them damaged: paths, headers, JSON, the V2 protocol's binary data, and the wire itself."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.fuzz.damage import damaged
from tests.fuzz.serving import rest_wire
from tests.serving.toy_v2 import NUMPY, to_bytes

_BASE64 = {"b64": "AAEC"}
PREDICTIONS: list[dict[str, Any]] = [
    {"instances": [[1.0, 2.0], [3, 4.5]]},
    {"inputs": {"x": [[1.0, 2.0]]}, "signature_name": "serving_default"},
    {"signature_name": "pair", "instances": [{"a": 1.5, "b": 2}, {"a": 3, "b": -4}]},
    {"signature_name": "text", "inputs": ["text", _BASE64]},
    {"signature_name": "total", "inputs": [1, 2, 3.5]},
    {"signature_name": "divide", "instances": [0.0, 1e30, -2]},
    {"signature_name": "INT8", "inputs": {"x": [[1, 2], [3, -4]]}},
    {"signature_name": "UINT64", "inputs": {"x": [2**64 - 1], "y": [0]}},
    {"signature_name": "BOOL", "instances": [{"x": True, "y": [True]}, {"x": False, "y": [False]}]},
    {"signature_name": "FP16", "instances": [{"x": [[0.5]], "y": 0}]},
]
CLASSIFICATIONS: list[dict[str, Any]] = [
    {"examples": [{"x": 0.5}, {"x": [0.25, 1.0], "name": ["a", _BASE64], "count": 3}]},
    {"context": {"x": 0.5}, "examples": [{}, {"x": 1.5}], "signature_name": "labels"},
]
REGRESSIONS: list[dict[str, Any]] = [
    {"examples": [{"x": 0.5}, {"x": [1e10, 1.0], "name": "a"}], "signature_name": "column"},
    {"context": {"x": 0.5}, "examples": [{}, {"x": 1.5}], "signature_name": "regress"},
]
_DOCUMENTS = [
    (b"POST", b"/v1/models/m:predict", PREDICTIONS),
    (b"POST", b"/v1/models/m/versions/1:predict", PREDICTIONS),
    (b"POST", b"/v1/models/m/labels/stable:predict", PREDICTIONS),
    (b"POST", b"/v1/models/heads:classify", CLASSIFICATIONS),
    (b"POST", b"/v1/models/heads:regress", REGRESSIONS),
    (b"POST", b"/v2/repository/index", [{}, {"ready": True}]),
]
_PAGES = [
    b"/v1/models",
    b"/v1/models/m",
    b"/v1/models/m/metadata",
    b"/v1/models/m/versions/1",
    b"/v1/models/heads/metadata",
    b"/v2",
    b"/v2/health/ready",
    b"/v2/models/m",
    b"/v2/models/m/versions/1/ready",
    b"/livez",
    b"/healthz",
    b"/readyz",
    b"/monitoring/prometheus/metrics",
]
_RULES: dict[str, Any] = {
    "variants": [{"name": "stable", "label": "stable", "weight": 9}, {"name": "canary", "version": 1, "weight": 1}],
    "sticky": {"header": "x-user"},
    "allow_override": True,
    "salt": "a",
    "shadow": {"variant": "canary", "percent": 50},
    "rollback": {"variant": "canary", "baseline": "stable", "max_error_rate_increase": 0.01, "max_latency_ratio": 2},
}
_LIST = b'model_config_list { config { name: "m" base_path: "/nothing" model_platform: "tensorflow" %s } }'
_LISTS = [
    _LIST % b"",
    _LIST % b"model_version_policy { specific { versions: 1 versions: 7 } }",
    _LIST % b'version_labels { key: "stable" value: 1 }',
    _LIST % b'} config { name: "n" base_path: "/nothing/n" model_platform: "tensorflow"',
]
_ADMIN: list[tuple[bytes, bytes, list[Any]]] = [
    (b"PUT", b"/admin/v1/traffic", [{"models": {"m": _RULES}}, {"models": {"m": _RULES, "heads": _RULES}}, {"models": {}}]),
    (b"PUT", b"/admin/v1/traffic", [{"models": {"m": {key: _RULES[key] for key in ("variants", part)}}} for part in _RULES]),
    (b"POST", b"/admin/v1/traffic/m:rollback", [{}, {"variant": "canary"}, {"variant": "stable"}]),
    (b"POST", b"/admin/v1/traffic/m:resume", [{}]),
    (b"POST", b"/admin/v1/models:reload", _LISTS),
    *[
        (b"GET", path, [])
        for path in (
            b"/admin/v1/status", b"/admin/v1/audit?limit=5", b"/admin/v1/traffic", b"/", b"/console/main.js", b"/v1/models",
        )
    ],
    (b"POST", b"/v1/models/m:predict", PREDICTIONS),
]  # fmt: skip
_METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"BREW"]
_PATH_PARTS = [
    b"/", b"//", b"/..", b"/%2e%2e", b"%00", b"%", b"%zz", b"%ff", b"%C3%A9", b":predict", b":", b"?a=b", b"#x", b"/versions/9",
    b"/versions/99999999999999999999999", b"/versions/-1", b"/versions/", b"/labels/x", b"/metadata", b"/ready", b"\xc3\xa9",
    b"\xff", b";", b"*", b"m" * 5000,
]  # fmt: skip
_HEADERS = [
    (b"Content-Encoding", [b"gzip", b"identity", b"br", b"deflate", b"gzip, gzip", b"", b"\xff", b"x" * 3000]),
    (b"Priority", [b"u=0", b"u=7", b"u=8", b"u=-1", b"i", b"u=999999999999999", b"\xff\xfe", b"u=1;u=2, i=?1"]),
    (b"Inference-Header-Content-Length", [b"0", b"5", b"-1", b"1e3", b"99999999999999999999", b"\xb2", b"", b"7 7"]),
    (b"Content-Type", [b"application/json", b"text/plain", b"application/octet-stream", b"\xff"]),
    (b"Expect", [b"100-continue", b"nonsense"]),
    (b"Connection", [b"close", b"keep-alive", b"upgrade"]),
    (b"Upgrade", [b"websocket", b"h2c"]),
    (b"Accept-Encoding", [b"gzip", b"*;q=0", b"\xff"]),
    (b"Origin", [b"http://example.org", b"null", b"\xff"]),
    (b"X-Request-ID", [b"1", b"x" * 300, b"\xff", b'a"b']),
    (b"traceparent", [b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01", b"nonsense", b"\xff"]),
]
_ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, -1e-320, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, "", "a", "\ud800", "\x00", "é" * 50,
    [], {}, [[]], [{}], [None], {"b64": "!"}, {"b64": 1}, {"b64": "AA==", "more": 1}, {"": ""}, [1, [2]], [[1], [2, 3]], ["a", 1],
]  # fmt: skip
_ODD_TEXTS = [
    b"NaN", b"-Infinity", b"1e999", b"-0", b"01", b"1.", b"tru", b'"\\u12"', b"[" * 5000, b'{"a":' * 3000, b"[[1,2],[3]]",
    b"\xef\xbb\xbf{}", b'{"instances": [1], "instances": [2]}', b'{"instances": [1], "inputs": [2]}', b"9" * 5000,
    b'"' + b"a" * 100_000 + b'"', b"[" + b"1," * 20_000 + b"1]", b"", b" ", b"\x00", b"\xff\xfe{\x00}\x00",
]  # fmt: skip


@dataclass(slots=True)
class RestCase:
    """A request.

    Attributes:
        data: all that is sent.
        method: that an answer is read by.
        framed: it is correct HTTP, so there must be an answer; else the connection may just be closed.
        undamaged: nothing was changed, so the answer must be 200.
        wanted: what the requests in it are answered, in order, where that is known.
        cuts: where it is cut into pieces that are sent apart.
    """

    data: bytes
    method: str
    framed: bool = True
    undamaged: bool = False
    wanted: list[rest_wire.Answer] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Request:
    method: bytes
    path: bytes
    body: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    host: bytes = b"fuzz"


def make(number: int) -> RestCase:
    """The request of a case; the number decides all of it."""
    draw = random.Random(number)
    kind = draw.random()
    if kind < 0.25:
        data, wanted = rest_wire.several(draw)
        return RestCase(data, "POST", wanted=wanted, cuts=rest_wire.cuts(len(data), draw))
    if kind < 0.35:
        data = rest_wire.lying(draw)
        return RestCase(data, "POST", framed=False, cuts=rest_wire.cuts(len(data), draw))
    return _changed(draw.choice((_document, _document, _binary, _page))(draw), draw)


def make_admin(number: int) -> RestCase:
    """The request to the admin API of a case."""
    draw = random.Random(number)
    method, path, contents = draw.choice(_ADMIN)
    request = _Request(method, path, host=b"localhost")
    if contents:
        content = draw.choice(contents)
        request.body = content if isinstance(content, bytes) else json.dumps(content).encode()
        request.headers.append((b"Content-Type", b"application/json"))
    if path == b"/admin/v1/traffic" and draw.random() < 0.2:
        request.headers.append((b"If-Match", draw.choice((b"*", b'"x"', b"", b"\xff", b'W/"1"'))))
    case = _changed(request, draw)
    case.undamaged = case.undamaged and method == b"GET"  # whether the others are taken depends on those before them
    return case


def _changed(request: _Request, draw: random.Random) -> RestCase:
    changes = draw.choice((0, 1, 1, 1, 2, 3))
    for _ in range(changes):
        draw.choice((_change_value, _change_value, _change_body, _change_path, _change_header, _change_method, _compress))(
            request, draw
        )
    case = RestCase(_framed(request, draw), request.method.decode(), undamaged=not changes)
    if draw.random() < 0.05:
        case.data, case.framed, case.undamaged = damaged(case.data, draw), False, False
    return case


def _document(draw: random.Random) -> _Request:
    method, path, contents = draw.choice(_DOCUMENTS)
    return _Request(method, path, json.dumps(draw.choice(contents)).encode())


def _page(draw: random.Random) -> _Request:
    return _Request(b"GET", draw.choice(_PAGES))


def _binary(draw: random.Random) -> _Request:
    """A V2 request, some of whose inputs are binary data."""
    name = draw.choice([name for name in NUMPY if name != "BF16"])
    shape = draw.choice([(0,), (1,), (3,), (2, 2), (1, 2, 1)])
    values = np.ones(shape, NUMPY[name]) if name != "BYTES" else np.full(shape, b"abc", object)
    blocks = b""
    inputs = []
    for key in draw.choice((["x"], ["x", "y"])):
        tensor: dict[str, Any] = {"name": key, "datatype": name, "shape": list(shape)}
        if draw.random() < 0.7 or name == "FP16":
            block = to_bytes(values)
            tensor["parameters"] = {"binary_data_size": len(block)}
            blocks += block
        else:
            tensor["data"] = ["abc"] * values.size if name == "BYTES" else values.astype(object).ravel().tolist()
        inputs.append(tensor)
    content = {"id": "7", "inputs": inputs, "outputs": [{"name": "x", "parameters": {"binary_data": draw.random() < 0.5}}]}
    text = json.dumps(content | {"parameters": {"signature": name, "priority": draw.randrange(4)}}).encode()
    path = draw.choice((b"/v2/models/m/infer", b"/v2/models/m/versions/1/infer"))
    return _Request(b"POST", path, text + blocks, [(b"Inference-Header-Content-Length", str(len(text)).encode())])


def _change_value(request: _Request, draw: random.Random) -> None:
    """Another value in one place of the JSON; a text that is no JSON where there is none to change."""
    length = _json_length(request)
    try:
        content = json.loads(request.body[:length])
    except (ValueError, RecursionError):
        request.body = draw.choice(_ODD_TEXTS)
        return
    text = json.dumps(_replaced(content, draw)).encode()
    if draw.random() < 0.2:
        text = text.replace(draw.choice((b"1", b"[", b'"x"', b"2.0", b"]")), draw.choice(_ODD_TEXTS), 1)
    request.body = text + request.body[length:]
    if length < len(request.body) and draw.random() < 0.9:
        request.headers = [
            (name, str(len(text)).encode() if name.startswith(b"Inference") else value) for name, value in request.headers
        ]


def _json_length(request: _Request) -> int:
    text = next((value for name, value in request.headers if name.startswith(b"Inference")), b"")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else len(request.body)


def _replaced(value: Any, draw: random.Random) -> Any:
    """A copy with one value or key replaced, left out or repeated."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(sorted(value))
        kind = draw.randrange(8)
        if kind == 0:
            return {name: each for name, each in value.items() if name != key}
        if kind == 1:
            return value | {
                draw.choice(("x", "y", "", "signature_name", "parameters", "shape", "\ud800")): draw.choice(_ODD_VALUES)
            }
        return value | {key: _replaced(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        at = draw.randrange(len(value))
        if draw.random() < 0.2:
            return value * draw.choice((0, 2, 100))
        return [*value[:at], _replaced(value[at], draw), *value[at + 1 :]]
    return draw.choice(_ODD_VALUES)


def _change_body(request: _Request, draw: random.Random) -> None:
    request.body = damaged(request.body, draw) if request.body and draw.random() < 0.8 else draw.choice(_ODD_TEXTS)


def _change_path(request: _Request, draw: random.Random) -> None:
    part = draw.choice(_PATH_PARTS)
    at = draw.choice((0, len(request.path), draw.randrange(len(request.path) + 1)))
    request.path = draw.choice((request.path[:at] + part + request.path[at:], request.path[:at] + part, request.path.upper()))


def _change_header(request: _Request, draw: random.Random) -> None:
    name, values = draw.choice(_HEADERS)
    request.headers.append((name, draw.choice(values)))


def _change_method(request: _Request, draw: random.Random) -> None:
    request.method = draw.choice(_METHODS)


def _compress(request: _Request, draw: random.Random) -> None:
    body = gzip.compress(request.body if draw.random() < 0.8 else bytes(draw.choice((10_000, 5_000_000))), 9, mtime=0)
    request.body = body if draw.random() < 0.6 else damaged(body, draw)
    request.headers.append((b"Content-Encoding", b"gzip"))


def _framed(request: _Request, draw: random.Random) -> bytes:
    """The request on the wire, its body whole or in chunks."""
    lines = [b"%s %s HTTP/1.1" % (request.method, request.path or b"/"), b"Host: " + request.host]
    lines += [b"%s: %s" % each for each in request.headers]
    if request.body and draw.random() < 0.15:
        lines.append(b"Transfer-Encoding: chunked")
        size = draw.choice((1, 7, 1000)) if len(request.body) < 5000 else 65536
        pieces = [request.body[at : at + size] for at in range(0, len(request.body), size)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        body = request.body
        if body or request.method == b"POST":
            lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", b""]) + body
