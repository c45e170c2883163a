"""What a request brings along beside what it asks for, whatever its protocol."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from headrace.serving.batching.requests import DEFAULT_PRIORITY


def no_header(_: str) -> str:
    """The header lookup of a request that has none."""
    return ""


@dataclass(slots=True, eq=False)
class RequestContext:
    """The circumstances of one request. Whoever finds something out about it on its way notes it here.

    Attributes:
        deadline: in `time.monotonic()` seconds; a request that has not run then is not run.
        priority: 0, the most urgent, to 7; which of the requests that wait for a batch runs first.
        protocol: "REST" or "GRPC"; "" for a request of the process itself.
        header: the value of an HTTP header, or of gRPC metadata, by its name in lower case; "" where there is none.
        caller: the name of who asks; "" when nobody had to say.
        version: of the model that answers, once it is picked.
        answer_headers: HTTP headers, or gRPC metadata, that the answer brings, by their names in lower case.
    """

    deadline: float = math.inf
    priority: int = DEFAULT_PRIORITY
    protocol: str = ""
    header: Callable[[str], str] = no_header
    caller: str = ""
    version: int | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)
