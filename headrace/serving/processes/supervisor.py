"""Starts the workers, replaces those that end, and speaks for all of them.

The supervisor loads no model and answers no request. It keeps the ports, on which each worker listens by itself (SO_REUSEPORT): the
kernel parts the connections among them. What the workers have in common is in its `Office`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from headrace.core.errors import InternalError, InvalidArgumentError, OpError
from headrace.core.log_lines import fields
from headrace.serving.processes.crew import Worker
from headrace.serving.processes.link import Link
from headrace.serving.processes.member import VARIABLE
from headrace.serving.processes.office import Office
from headrace.serving.processes.pages import Pages
from headrace.serving.rest.listening import bound_socket

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_PAGE_SECONDS = 2.0
_SLACK_SECONDS = 5.0
_FIRST_WAIT_SECONDS = 0.2
_LONGEST_WAIT_SECONDS = 30.0
_STEADY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Places:
    """Where the workers listen.

    Attributes:
        rest: host and port, 0 for a free one; None is no REST.
        grpc: likewise.
    """

    rest: tuple[str, int] | None
    grpc: tuple[str, int] | None


class Supervisor:
    """Runs workers until it is told to end, by SIGTERM or SIGINT.

    Args:
        count: how many.
        places: where they listen.
        grace_seconds: what each takes to end at most.
        office: what they have in common.
        on_ready: called with the URL of REST and the address of gRPC once all workers listen; empty for what there is not.
        hung_seconds: a worker that says nothing for so long is killed, and replaced.

    Raises:
        InvalidArgumentError: this system does not part connections among processes.
    """

    def __init__(
        self,
        count: int,
        places: Places,
        grace_seconds: float,
        office: Office,
        on_ready: Callable[[str, str], None],
        hung_seconds: float = 60.0,
    ) -> None:
        if sys.platform != "linux":
            raise InvalidArgumentError(f"several processes on one port need Linux; this is {sys.platform}: use --num_processes=1")
        self._count = count
        self._places = places
        self._grace_seconds = grace_seconds
        self._on_ready = on_ready
        self._hung_seconds = hung_seconds
        self._office = office
        self._workers = office.crew.workers
        self._pages = Pages()
        self._ending = False
        self._failure: OpError | None = None
        self._told = False
        self._secret = secrets.token_hex(32)
        self._following: set[asyncio.Task[None]] = set()

    def run(self) -> None:
        """Returns when all workers have ended.

        Raises:
            UnavailableError: an address cannot be listened on.
            InternalError: the workers do not start.
        """
        with contextlib.ExitStack() as stack:
            ports = [
                None if place is None else stack.enter_context(bound_socket(*place, shared=True)).getsockname()[1]
                for place in (self._places.rest, self._places.grpc)
            ]
            asyncio.run(self._run(*ports))
        if self._failure is not None:
            raise self._failure

    async def _run(self, rest_port: int | None, grpc_port: int | None) -> None:
        self._all_loaded = asyncio.Event()
        self._loaded: set[int] = set()
        self._end = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        async with self._office.open():
            looking = asyncio.create_task(self._look())
            await asyncio.gather(*(self._keep(index, rest_port, grpc_port) for index in range(self._count)))
            looking.cancel()
        logger.info("all workers have ended")

    def _on_signal(self) -> None:
        """Passes the word of the end on; each further time workers are less patient."""
        self._ending = True
        self._end.set()
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                worker.process.terminate()

    async def _keep(self, index: int, rest_port: int | None, grpc_port: int | None) -> None:
        """Keeps one worker running."""
        wait = _FIRST_WAIT_SECONDS
        while not self._ending:
            started = time.monotonic()
            status = await self._live(index, rest_port, grpc_port)
            if self._end.is_set():
                return
            if not self._told:
                self._failure = InternalError(f"worker {index} ended with status {status} before the server was ready")
                self._on_signal()
                return
            wait = _FIRST_WAIT_SECONDS if time.monotonic() - started > _STEADY_SECONDS else min(2 * wait, _LONGEST_WAIT_SECONDS)
            logger.error("a worker has ended; starting another", extra=fields(worker=index, status=status, wait_seconds=wait))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), wait)

    async def _live(self, index: int, rest_port: int | None, grpc_port: int | None) -> int:
        """A worker's life; its exit status."""
        ours, theirs = socket.socketpair()
        place = {"index": index, "end": theirs.fileno(), "rest_port": rest_port, "grpc_port": grpc_port, "secret": self._secret}
        models = self._office.models if self._told else ""  # before that, each checks for itself what it reads
        with theirs, _in_memory(models) as listed:
            if models:
                place["models"] = listed
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *sys.orig_argv[1:],
                stdin=DEVNULL,
                env=os.environ | {VARIABLE: json.dumps(place)},
                pass_fds=(theirs.fileno(), listed),
                start_new_session=True,  # a terminal's Ctrl-C goes to the supervisor alone
            )
        worker = Worker(index, process, Link({}), models)
        worker.link = Link(
            {
                **self._office.answers(index),
                "hello": lambda _: self._on_hello(worker),
                "loaded": lambda _: self._on_loaded(worker),
                "listening": lambda text: self._on_listening(worker, text),
                "page": lambda _: self._page(),
            }
        )
        self._workers[index] = worker
        if self._ending:
            process.terminate()
        talking = asyncio.create_task(worker.link.run(ours))
        try:
            return await self._wait(process)
        finally:
            await talking
            del self._workers[index]
            self._pages.drop(process.pid)

    async def _wait(self, process: Process) -> int:
        """Waits for a worker's end, and kills one that has been told to end and does not."""
        waiting = asyncio.create_task(process.wait())
        ending = asyncio.create_task(self._end.wait())
        await asyncio.wait({waiting, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        done, _ = await asyncio.wait({waiting}, timeout=self._grace_seconds + _SLACK_SECONDS)
        if not done:
            logger.error("a worker does not end; killing it", extra=fields(pid=process.pid))
            process.kill()
        return await waiting

    async def _on_hello(self, worker: Worker) -> str:
        """A worker can be asked from now on."""
        worker.joined, worker.seen = True, time.monotonic()
        following = asyncio.create_task(self._office.follow(worker))
        self._following.add(following)
        following.add_done_callback(self._following.discard)
        return ""

    async def _on_loaded(self, worker: Worker) -> str:
        """Answers when the worker may listen: at the start when the models of all are there."""
        await self._office.give(worker)
        self._loaded.add(worker.index)
        if len(self._loaded) == self._count and not self._all_loaded.is_set():
            await self._office.all_loaded()
            self._all_loaded.set()
        await self._all_loaded.wait()
        await self._office.lead(worker)
        return ""

    async def _on_listening(self, worker: Worker, text: str) -> str:
        worker.listens = True
        if not self._told and len(self._workers) == self._count and all(each.listens for each in self._workers.values()):
            self._told = True
            where = json.loads(text)
            self._on_ready(where["url"], where["grpc"])
        return ""

    async def _page(self) -> str:
        await asyncio.gather(*(self._read_page(worker) for worker in list(self._workers.values())))
        return self._pages.text(self._office.page())

    async def _read_page(self, worker: Worker) -> None:
        """Takes a worker's metrics; the last ones stay where it does not answer."""
        try:
            text = await worker.link.ask("page", seconds=_PAGE_SECONDS)
        except (OpError, TimeoutError):
            return
        worker.seen = time.monotonic()
        if self._workers.get(worker.index) is worker:
            self._pages.update(worker.process.pid, text)

    async def _look(self) -> None:
        """Reads the metrics of all again and again, so that little is lost with one; kills those that say nothing any more."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._page()
            for worker in list(self._workers.values()):
                if worker.listens and time.monotonic() - worker.seen > self._hung_seconds:
                    logger.error("a worker says nothing any more; killing it", extra=fields(worker=worker.index))
                    worker.process.kill()


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[int]:
    """A file of this text that has no name, for a process to come."""
    with open(os.memfd_create("models"), "w+") as file:
        file.write(text)
        file.flush()
        yield file.fileno()
