"""A worker's side: what a server of several processes asks of each, and what each asks of the whole."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from headrace.core.errors import InternalError, OpError
from headrace.proto.serving import ModelServerConfig
from headrace.serving.models import Models
from headrace.serving.processes.link import Link
from headrace.serving.reload import Outcome, ReloadResult

logger = logging.getLogger(__name__)

VARIABLE = "HEADRACE_SERVE_WORKER"
"""The environment variable by which the supervisor tells a worker its number, its socket and its ports."""

_LOOK_SECONDS = 0.1
_OF_CODE = {kind.code: kind for kind in OpError.__subclasses__()}

T = TypeVar("T")


class Member:
    """A worker, as its server sees it.

    Args:
        index: its number, from 0.
        end: the socket to the supervisor.
        rest_port: the port that all workers share; None is no REST.
        grpc_port: likewise.
    """

    def __init__(self, index: int, end: socket.socket, rest_port: int | None, grpc_port: int | None) -> None:
        self.index = index
        self.rest_port = rest_port
        self.grpc_port = grpc_port
        self._end = end
        self._loop = asyncio.new_event_loop()
        self._own_page: Callable[[], str] = str
        self._models: Models | None = None
        self._link = Link({"page": self._page, "reload": self._reload_here})
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._speak, name="supervisor-link", daemon=True)

    @classmethod
    def of_environment(cls) -> Member | None:
        """This process's place among the workers; None where it is none."""
        told = os.environ.pop(VARIABLE, None)
        if told is None:
            return None
        place = json.loads(told)
        return cls(place["index"], socket.socket(fileno=place["end"]), place["rest_port"], place["grpc_port"])

    def join(self, models: Models, own_page: Callable[[], str]) -> None:
        """Begins to answer the supervisor's questions.

        Args:
            models: a reload on one worker is one on all.
            own_page: makes the metrics page of this process.
        """
        self._models = models
        self._own_page = own_page
        models.everywhere = self.reload
        self._thread.start()
        self._opened.wait()

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
        return _result(self._asking("reload", base64.b64encode(config.SerializeToString()).decode()).result())

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

    async def _page(self, _: str) -> str:
        return await asyncio.to_thread(self._own_page)

    async def _reload_here(self, text: str) -> str:
        assert self._models is not None
        config = ModelServerConfig.FromString(base64.b64decode(text))
        return _text(await asyncio.to_thread(self._models.reload_here, config))


def _text(result: ReloadResult) -> str:
    return json.dumps(
        [
            [each.model, each.change, None if each.error is None else [each.error.code, each.error.message]]
            for each in result.outcomes
        ]
    )


def _result(text: str) -> ReloadResult:
    def error(told: list[str] | None) -> OpError | None:
        return None if told is None else _OF_CODE.get(told[0], InternalError)(told[1])

    return ReloadResult(tuple(Outcome(model, change, error(told)) for model, change, told in json.loads(text)))
