"""Questions and answers between the supervisor and a worker: lines of JSON on a socket, both ways at once."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from headrace.core.errors import InternalError, OpError, ResourceExhaustedError, UnavailableError

logger = logging.getLogger(__name__)

Answers = Mapping[str, Callable[[str], Awaitable[str]]]
"""What answers each kind of question; raises OpError."""

_MAX_LINE = 64 << 20
"""Of a message; what is longer is not sent, since the other end could not read on after it."""
_OF_CODE = {kind.code: kind for kind in OpError.__subclasses__()}


class GoneError(UnavailableError):
    """The process at the other end is not there any more."""


class Link:
    """One end of the socket.

    Args:
        answers: of the questions that the other end may ask.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self.leaving = False
        """Set where nothing is answered any more, since what answers is ending."""

    async def run(self, end: socket.socket, opened: Callable[[], None] = lambda: None) -> None:
        """Speaks on the socket until the other end is gone; calls `opened` once questions can be asked."""
        reader, self._writer = await asyncio.open_connection(sock=end, limit=_MAX_LINE)
        opened()
        try:
            while (line := await reader.readline()).endswith(b"\n"):  # a process that was killed may leave a part of one
                self._read(json.loads(line))
        except ConnectionError:
            pass  # the other process was killed
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(GoneError("the process that was asked is gone"))
            self._waiting.clear()
            self._writer.close()
            self._writer = None

    async def ask(self, what: str, text: str = "", seconds: float | None = None) -> str:
        """The other end's answer.

        Args:
            what: the kind of question.
            text: what goes with it.
            seconds: how long to wait; None waits without end.

        Raises:
            OpError: what the other end raised; GoneError when it is gone.
            TimeoutError: it does not answer in time.
        """
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._send({"ask": what, "number": number, "text": text})
            async with asyncio.timeout(seconds):
                answer: str = await future
                return answer
        finally:
            self._waiting.pop(number, None)

    def _send(self, message: dict[str, Any]) -> None:
        if self._writer is None:
            raise GoneError("the process that is asked is gone")
        line = json.dumps(message).encode() + b"\n"
        if len(line) > _MAX_LINE:
            raise ResourceExhaustedError(
                f"{len(line)} bytes are too much for processes to tell each other; the limit is {_MAX_LINE}"
            )
        self._writer.write(line)

    def _read(self, message: dict[str, Any]) -> None:
        if "ask" in message:
            task = asyncio.create_task(self._answer(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        future = self._waiting.get(message["number"])
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(error_from_json(message["error"]) or InternalError("an error without a code"))
        else:
            future.set_result(message["text"])

    async def _answer(self, message: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"number": message["number"]}
        try:
            if self.leaving:
                raise UnavailableError("the process that was asked is ending")
            answer["text"] = await self._answers[message["ask"]](message["text"])
        except OpError as error:
            answer["error"] = error_to_json(error)
        except Exception as error:
            logger.exception("answering another process failed")
            answer["error"] = [InternalError.code, f"{type(error).__name__}: {error}"]
        if self._writer is None:
            return
        try:
            self._send(answer)
        except OpError as error:
            self._send({"number": message["number"], "error": error_to_json(error)})


def error_to_json(error: OpError | None) -> list[str] | None:
    """A form of an error for JSON."""
    return None if error is None else [error.code, error.message]


def error_from_json(told: list[str] | None) -> OpError | None:
    """What `error_to_json` was made of."""
    return None if told is None else _OF_CODE.get(told[0], InternalError)(told[1])
