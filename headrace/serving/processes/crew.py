"""The workers that run now, and what is asked of all of them."""

from __future__ import annotations

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import Coroutine, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, TypeVar

from headrace.core.errors import OpError, UnavailableError
from headrace.serving.processes.link import GoneError, Link

T = TypeVar("T")
_SEEN_SECONDS = 5.0
_SILENT_WAIT_SECONDS = 0.5
"""For one that has said nothing for that long: it is told all the same, and hears it when it runs again."""


@dataclass(slots=True, eq=False)
class Worker:
    """A worker that runs.

    Attributes:
        index: its number, from 0.
        process: it.
        link: to it.
        models: the list of models that it was started with, encoded; "" where it reads the configuration by itself.
        started: when, in `time.monotonic` seconds;
        seen: when it last said something.
        joined: it takes changes.
        loaded: it has been given the server's state.
        listens: it answers requests.
    """

    index: int
    process: Process
    link: Link
    models: str = ""
    started: float = field(default_factory=time.monotonic)
    seen: float = field(default_factory=time.monotonic)
    joined: bool = False
    loaded: bool = False
    listens: bool = False

    @property
    def state(self) -> str:
        """A word for people."""
        if not self.joined:
            return "starting"
        if time.monotonic() - self.seen > _SEEN_SECONDS:
            return "silent"
        return "serving" if self.listens else "loading"


@dataclass(frozen=True, slots=True)
class Answers:
    """What workers answered to a question, and why others did not, by their numbers. Those that ended meanwhile are in neither."""

    given: dict[int, str]
    errors: dict[int, OpError]

    def silent(self) -> str:
        """Names those that did not answer, for an error's message."""
        return "; ".join(f"worker {index}: {error.message}" for index, error in sorted(self.errors.items()))


class Crew:
    """The workers. Only the supervisor's event loop changes it.

    Attributes:
        workers: by number.
    """

    def __init__(self) -> None:
        self.workers: dict[int, Worker] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """Takes the running event loop as the one that speaks to the workers."""
        self._loop = asyncio.get_running_loop()

    @property
    def ending(self) -> bool:
        """Whether nobody speaks to the workers, yet or any more."""
        return self._loop is None or self._loop.is_closed()

    @property
    def joined(self) -> list[Worker]:
        """Those that take changes, by number."""
        return [worker for _, worker in sorted(self.workers.items()) if worker.joined]

    async def ask(self, what: str, text: str, seconds: float, of: Sequence[Worker]) -> Answers:
        """Asks workers at once, and waits `seconds` at most."""

        async def one(worker: Worker) -> str | OpError | None:
            limit = min(seconds, _SILENT_WAIT_SECONDS) if worker.state == "silent" else seconds
            try:
                answer = await worker.link.ask(what, text, limit)
            except TimeoutError:
                return UnavailableError(f"no answer within {time.monotonic() - worker.seen:.1f} s")
            except GoneError:
                return None
            except OpError as error:
                return error
            worker.seen = time.monotonic()
            return answer

        found = await asyncio.gather(*(one(worker) for worker in of))
        pairs = list(zip([worker.index for worker in of], found, strict=True))
        return Answers(
            {index: answer for index, answer in pairs if isinstance(answer, str)},
            {index: answer for index, answer in pairs if isinstance(answer, OpError)},
        )

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the loop of the workers; for all other threads.

        Raises:
            UnavailableError: the server is ending.
        """
        if self.ending or self._loop is None:
            coroutine.close()
            raise UnavailableError("the server is ending")
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        except CancelledError:
            raise UnavailableError("the server is ending") from None

    def asked(self, what: str, text: str = "", seconds: float = 5.0) -> Answers:
        """As `ask`, of all that have joined; for all other threads."""

        async def ask() -> Answers:
            return await self.ask(what, text, seconds, self.joined)

        return self.wait_for(ask())

    async def on_its_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """As `wait_for`, on another event loop."""
        if self.ending or self._loop is None:
            coroutine.close()
            raise UnavailableError("the server is ending")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))
