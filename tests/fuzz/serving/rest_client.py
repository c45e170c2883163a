"""Sends cases to the REST API on one kept connection, and judges what is answered."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.fuzz.serving import rest_cases
from tests.fuzz.serving.rest_wire import Answer

HANGS_AFTER = 60.0
"""Seconds for one request."""
_PAUSE = 0.0005
"""Seconds between pieces that are sent apart, so that most arrive apart."""

Outcome = tuple[str, str]
"""What a case ended with, and why that is a failure; "" when it is none."""


class RestClient:
    """One kept connection. An answer to a request that is no correct HTTP may be a closed connection.

    Args:
        port: of the server.
        make: gives the case of a number.
    """

    def __init__(self, port: int, make: Callable[[int], rest_cases.RestCase] = rest_cases.make) -> None:
        self._address = ("127.0.0.1", port)
        self._make = make
        self._connection: socket.socket | None = None
        self._reader: Any = None

    def ask(self, number: int) -> Outcome:
        """Sends a case and judges the answers."""
        case = self._make(number)
        try:
            answers = self._exchange(case)
        except TimeoutError:
            self.close()
            return "timeout", f"no answer in {HANGS_AFTER:g} s"
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return "closed", f"no answer: {error!r}" if case.framed else ""
        for status, body in answers:
            if status >= 500 and status not in (501, 503, 504):
                return str(status), f"status {status}: {body[:300]!r}"
            if case.undamaged and status != 200:
                return str(status), f"an undamaged request was refused: {status} {body[:300]!r}"
        for wanted, (status, body) in zip(case.wanted, answers, strict=False):
            if not is_wanted(wanted, status, body):
                return "wrong", f"expected {str(wanted)[:300]}, got {status} {body[:300]!r}"
        return str(answers[-1][0]), ""

    def _exchange(self, case: rest_cases.RestCase) -> list[tuple[int, bytes]]:
        if self._connection is None:
            self._connection = socket.create_connection(self._address, HANGS_AFTER)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = self._connection.makefile("rb")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent; the answer may be there
            for start, end in zip([0, *case.cuts], [*case.cuts, len(case.data)], strict=True):
                self._connection.sendall(case.data[start:end])
                if case.cuts:
                    time.sleep(_PAUSE)
            if not case.framed:
                self._connection.shutdown(socket.SHUT_WR)
        answers = []
        for _ in case.wanted or [None]:
            with http.client.HTTPResponse(_Kept(self._reader), method=case.method) as response:  # type: ignore[arg-type]
                response.begin()
                answers.append((response.status, response.read()))
                ends = response.will_close
        if ends or not case.framed:
            self.close()
        return answers

    def close(self) -> None:
        """Closes the connection; the next case opens another one."""
        if self._connection is not None:
            self._reader.close()
            self._connection.close()
            self._connection = None


class _Kept:
    """A connection as `http.client` wants it, whose reader stays open, with what it has read ahead, for the next answer."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def makefile(self, _: str) -> _Kept:
        return self

    def close(self) -> None:
        """Nothing: the connection is kept."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


def is_wanted(wanted: Answer, status: int, body: bytes) -> bool:
    """Whether an answer is the right one. A busy server may refuse any request."""
    if status != wanted.status:
        return status in (503, 504)
    if wanted.content is None:
        return True
    content = json.loads(body)
    return content.keys() == wanted.content.keys() and all(
        np.array_equal(np.float32(content[key]), np.float32(value)) for key, value in wanted.content.items()
    )
