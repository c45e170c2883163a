"""What a request brings along beside what it asks for, whatever its protocol."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.serving.access.callers import EVERYONE, Caller
from headrace.serving.batching.requests import DEFAULT_PRIORITY
from headrace.serving.traces.timeline import Timeline


def no_header(_: str) -> str:
    """The header lookup of a request that has none."""
    return ""


def no_value(_: str) -> None:
    """The lookup of inputs of a request that cannot be asked for them."""


@dataclass(frozen=True, slots=True)
class Routed:
    """Where traffic rules sent a request.

    Attributes:
        rules: those that did; told apart by identity.
        variant: its name; "" when no variant could answer and the request got what it would get without rules.
        place: of the request in [0, 1), which the weights turn into a variant.
        key: that keeps its user at one variant; empty without one.
        assigned: false where the request named its variant, or got another than it was meant for.
    """

    rules: object
    variant: str
    place: float = 0.0
    key: bytes = b""
    assigned: bool = True


@dataclass(slots=True, eq=False)
class RequestContext:
    """The circumstances of one request. Whoever finds something out about it on its way notes it here.

    Attributes:
        deadline: in `time.monotonic()` seconds; a request that has not run then is not run.
        priority: 0, the most urgent, to 7; which of the requests that wait for a batch runs first.
        protocol: "REST" or "GRPC"; "" for a request of the process itself.
        header: the value of an HTTP header, or of gRPC metadata, by its name in lower case; "" where there is none.
        first_value: the first value of an input, by its name, before inputs are decoded: bytes, text or a number; None where there
            is none. For tf.Examples, that of a feature of the first one.
        caller: the name of who asks; "" when nobody had to say.
        rights: what the caller may do.
        version: of the model that answers, once it is picked.
        routed: where traffic rules sent it; None where there are none.
        timeline: where its time goes; None unless it is traced.
        answer_headers: HTTP headers, or gRPC metadata, that the answer brings, by their names in lower case.
    """

    deadline: float = math.inf
    priority: int = DEFAULT_PRIORITY
    protocol: str = ""
    header: Callable[[str], str] = no_header
    first_value: Callable[[str], object] = no_value
    caller: str = ""
    rights: Caller = EVERYONE
    version: int | None = None
    routed: Routed | None = None
    timeline: Timeline | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
