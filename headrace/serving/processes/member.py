"""A worker's side: what a server of several processes asks of each, and what each asks of the whole."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any, TypeVar

from headrace.core.errors import DeadlineExceededError, OpError
from headrace.serving.access.gate import Gate
from headrace.serving.audit import Event
from headrace.serving.processes import outcomes
from headrace.serving.processes.link import GoneError, Link
from headrace.serving.processes.reloads import decoded, encoded
from headrace.serving.reload import ReloadResult

logger = logging.getLogger(__name__)

VARIABLE = "HEADRACE_SERVE_WORKER"
"""The environment variable by which the supervisor tells a worker its number, its socket and its ports."""

Answer = Callable[[str], Awaitable[str]]

_LOOK_SECONDS = 0.1
_FEEDBACK_SECONDS = 15.0
_SHARE_SECONDS = 0.1

T = TypeVar("T")


class Member:
    """A worker, as its server sees it.

    Args:
        index: its number, from 0.
        end: the socket to the supervisor.
        rest_port: the port that all workers share; None is no REST.
        grpc_port: likewise.
        secret: what all workers of this server know, and nobody else.
        models: the list of models in force, a ModelServerConfig; None where that is the one of the configuration.
    """

    def __init__(
        self, index: int, end: socket.socket, rest_port: int | None, grpc_port: int | None, secret: bytes, models: Any = None
    ) -> None:
        self.index = index
        self.secret = secret
        self.models = models
        self.rest_port = rest_port
        self.grpc_port = grpc_port
        self._end = end
        self._loop = asyncio.new_event_loop()
        self._answers: dict[str, Answer] = {}
        self._link = Link(self._answers)
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="supervisor-link", daemon=True)

    @classmethod
    def of_environment(cls) -> Member | None:
        """This process's place among the workers; None where it is none."""
        told = os.environ.pop(VARIABLE, None)
        if told is None:
            return None
        place = json.loads(told)
        end = socket.socket(fileno=place["end"])
        models = None
        if "models" in place:
            with open(place["models"]) as file:
                file.seek(0)
                models = decoded(file.read())
        return cls(place["index"], end, place["rest_port"], place["grpc_port"], bytes.fromhex(place["secret"]), models)

    def join(self, answers: Mapping[str, Answer], gate: Gate | None = None) -> None:
        """Begins to answer the supervisor's questions.

        Args:
            answers: of each kind.
            gate: shares the allowances of callers with those of the other workers.
        """
        self._answers.update(answers)
        self._thread.start()
        self._opened.wait()
        self._asking("hello")
        if gate is not None:
            self._call(self._share(gate))

    def leave(self) -> None:
        """Answers no more: this process ends."""
        self._link.leaving = True

    def wait_for_all(self, ending: threading.Event) -> None:
        """Says that the models are there, and waits for those of the other workers, or for the end."""
        waiting = self._asking("loaded")
        while not (ending.is_set() or waiting.done()):
            ending.wait(_LOOK_SECONDS)
        if waiting.done():
            waiting.result()

    def listening(self, url: str, grpc: str) -> None:
        """Says that requests are answered now."""
        self._asking("listening", json.dumps({"url": url, "grpc": grpc}))

    def page(self) -> str:
        """The metrics page of all workers.

        Raises:
            UnavailableError: the supervisor is gone.
        """
        return self._asking("page").result()

    def reload(self, config: Any) -> ReloadResult:
        """Replaces the list of models in every worker; see Models.reload, whose errors it raises."""
        return outcomes.from_json(self._asking("reload", encoded(config)).result())

    def feedback(self, document: Any) -> dict[str, Any]:
        """Has an outcome counted for all workers; see `routing.feedback`.

        Raises:
            DeadlineExceededError: the supervisor does not answer in time.
        """
        try:
            answer: dict[str, Any] = json.loads(self._asking("feedback", json.dumps(document)).result(_FEEDBACK_SECONDS))
        except TimeoutError:
            raise DeadlineExceededError(f"the outcome could not be counted within {_FEEDBACK_SECONDS:g} s") from None
        return answer

    def note(self, event: Event) -> None:
        """Has an event stand in the audit log of all workers; does not wait for it."""
        self._asking("audit", json.dumps(asdict(event))).add_done_callback(_log_failure)

    async def _share(self, gate: Gate) -> None:
        """Tells what callers took here, and hears what they took elsewhere, until the supervisor is gone."""
        while True:
            spent = gate.spent()
            try:
                gate.owe(json.loads(await self._link.ask("spent", json.dumps(spent))))
            except GoneError:
                return
            except OpError as error:
                logger.error("allowances could not be shared: %s", error)
            await asyncio.sleep(_SHARE_SECONDS)

    def _asking(self, what: str, text: str = "") -> Future[str]:
        return self._call(self._link.ask(what, text))

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _speak(self) -> None:
        """Answers until the supervisor is gone; then nobody would end or replace this process, so it ends."""
        with contextlib.suppress(RuntimeError):
            self._loop.run_until_complete(self._link.run(self._end, self._opened.set))
        self._opened.set()  # where it never was, nobody may wait for it
        logger.warning("the supervisor is gone; ending")
        os.kill(os.getpid(), signal.SIGTERM)


def _log_failure(noted: Future[str]) -> None:
    error = noted.exception()
    if error is not None:
        logger.error("an event is missing from the audit log: %s", error)
