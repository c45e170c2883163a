"""What several processes have in common, kept where it survives each of them: the admin port, rules, reloads, audit and counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from headrace.console import files as console
from headrace.core.errors import DeadlineExceededError, OpError, UnavailableError
from headrace.core.exposition import render
from headrace.core.log_lines import fields
from headrace.serving.access.gate import Gate
from headrace.serving.access.watch import AccessWatcher, read_access
from headrace.serving.admin.app import admin_app
from headrace.serving.admin.reloads import note_from_file
from headrace.serving.admin.routes import ModelRoutes
from headrace.serving.admin.server import AdminServer
from headrace.serving.audit import AuditLog, Event
from headrace.serving.configuration.watch import ConfigWatcher
from headrace.serving.live import admin as live
from headrace.serving.live.recorder import LiveRecorder
from headrace.serving.processes import outcomes
from headrace.serving.processes.allowances import Allowances
from headrace.serving.processes.crew import Crew, Worker
from headrace.serving.processes.forwarding import Forwarded
from headrace.serving.processes.governing import WholeTraffic
from headrace.serving.processes.link import GoneError
from headrace.serving.processes.live import LiveCollector
from headrace.serving.processes.reloads import Reloads
from headrace.serving.processes.served import SeveralProcesses
from headrace.serving.reload import ReloadResult
from headrace.serving.routing.admin import TrafficRoutes
from headrace.serving.routing.rules import load, parse_toml
from headrace.serving.routing.watch import RulesWatcher
from headrace.serving.server import ServerOptions, configuration_of

logger = logging.getLogger(__name__)

_DRAIN_SECONDS = 0.5
_THREADS = 32
_FORWARD_SLACK_SECONDS = 5.0
_STOP_SECONDS = 1.0


class Office:
    """What the supervisor does beside keeping workers.

    Args:
        options: of the server.
        count: how many workers there are to be.

    Attributes:
        crew: the workers.

    Raises:
        OpError: a file of the configuration cannot be read, or says something wrong.
    """

    def __init__(self, options: ServerOptions, count: int) -> None:
        self._options = options
        self.crew = Crew()
        self._audit = AuditLog(options.audit)
        self._reloads = Reloads(self.crew)
        self._served = SeveralProcesses(self.crew, count, self._reloads, self._audit)
        self._gate = None if options.access_file is None else Gate(read_access(options.access_file), self._audit, shared=True)
        self._allowances = Allowances(self._gate)
        self._traffic: WholeTraffic | None = None
        self._rules = b""
        if options.traffic.file is not None or options.admin is not None:
            self._traffic = WholeTraffic(self.crew, options.traffic.remembered, self._audit.record)
            if options.traffic.file is not None:
                self._rules = load(options.traffic.file)
                parse_toml(self._rules, str(options.traffic.file))
        self._config_watcher = self._watch_config()
        self._turn = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """At work until the block ends; on the event loop of the workers."""
        self.crew.begin()
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(_THREADS, "office"))
        stack = contextlib.ExitStack()
        try:
            await asyncio.to_thread(self._begin, stack)
            yield
        finally:
            await asyncio.to_thread(stack.close)

    def page(self) -> str:
        """What is counted here, for the metrics page."""
        families = [*self._audit.families(), *self._reloads.families()]
        if self._traffic is not None:
            families += self._traffic.families()
        if self._gate is not None:
            families += self._gate.families()
        return render(families)

    # What workers ask and tell.

    def answers(self, index: int) -> dict[str, Callable[[str], Awaitable[str]]]:
        """What answers the questions of a worker that are not about itself."""

        async def spent(text: str) -> str:
            return json.dumps(self._allowances.exchange(index, json.loads(text)))

        return {"reload": self._reload, "audit": self._note, "feedback": self._feedback, "spent": spent}

    @property
    def models(self) -> str:
        """The list of models that workers are to start with; "" where they read the configuration by themselves."""
        return self._reloads.current

    async def give(self, worker: Worker) -> None:
        """Has a worker that has come late take the models that the others have."""
        await self._reloads.give(worker)

    async def all_loaded(self) -> None:
        """The models of all are there: rules come into force."""
        if self._traffic is not None and self._options.traffic.file is not None:
            await asyncio.to_thread(self._traffic.begin, parse_toml(self._rules, str(self._options.traffic.file)))

    async def lead(self, worker: Worker) -> None:
        """Tells a worker the rules, before it answers anybody."""
        if self._traffic is not None:
            await worker.link.ask("traffic", self._traffic.told())

    async def follow(self, worker: Worker) -> None:
        """Takes what a worker counts, until it is gone."""
        while True:
            try:
                told = json.loads(await worker.link.ask("drain"))
                worker.seen = time.monotonic()
                if self._traffic is not None and told:
                    await asyncio.to_thread(self._traffic.count, told)
            except GoneError:
                self._allowances.drop(worker.index)
                return
            except UnavailableError:
                pass  # it is ending
            except Exception:
                logger.exception("counting what a worker told failed", extra=fields(worker=worker.index))
            await asyncio.sleep(_DRAIN_SECONDS)

    async def _reload(self, text: str) -> str:
        return outcomes.to_json(await self._reloads.reload(text))

    async def _note(self, text: str) -> str:
        await asyncio.to_thread(self._audit.keep, Event(**json.loads(text)))
        return ""

    async def _feedback(self, text: str) -> str:
        assert self._traffic is not None
        return json.dumps(await asyncio.to_thread(self._traffic.feedback, json.loads(text)))

    # Its own threads.

    def _begin(self, stack: contextlib.ExitStack) -> None:
        stack.callback(self._audit.close)
        options = self._options
        if self._gate is not None and options.access_file is not None:
            stack.enter_context(AccessWatcher(options.access_file, self._gate, self._audit))
        if options.admin is not None:
            self._administer(stack)
        if self._config_watcher is not None:
            self._config_watcher.start()
            stack.callback(self._config_watcher.stop, _STOP_SECONDS)
        traffic = options.traffic
        if self._traffic is not None and traffic.file is not None and traffic.poll_seconds > 0:
            watcher = RulesWatcher(traffic.file, traffic.poll_seconds, self._traffic, self._rules)
            watcher.start()
            stack.callback(watcher.stop, _STOP_SECONDS)

    def _administer(self, stack: contextlib.ExitStack) -> None:
        options = self._options.admin
        assert options is not None
        assert self._traffic is not None
        recorder = LiveRecorder(LiveCollector(self.crew))
        routes = [*ModelRoutes(self._served, self._audit).routes(), *live.routes(recorder), *console.routes()]
        routes += TrafficRoutes(self._traffic).routes()
        app = admin_app(routes, Forwarded(self._forward), (options.host, *options.names), self._gate)
        stack.enter_context(recorder)
        stack.enter_context(AdminServer(app, options))

    async def _forward(self, text: str) -> str:
        """Has a worker answer a request, on the event loop of the admin port."""
        seconds = self._options.rest.timeout_seconds + _FORWARD_SLACK_SECONDS
        return await self.crew.on_its_loop(self._ask_one("http", text, seconds))

    async def _ask_one(self, what: str, text: str, seconds: float) -> str:
        """Asks one of the workers, those that serve and speak before others; each in turn."""
        joined = self.crew.joined
        if not joined:
            raise UnavailableError("no process of this server is there yet; try again later")
        ready = [worker for worker in joined if worker.state == "serving"] or joined
        self._turn += 1
        worker = ready[self._turn % len(ready)]
        try:
            return await worker.link.ask(what, text, seconds)
        except TimeoutError:
            raise DeadlineExceededError(f"worker {worker.index} does not answer within {seconds:g} s") from None

    def _watch_config(self) -> ConfigWatcher | None:
        options = self._options
        if options.config_file is None or options.config_poll_seconds <= 0:
            return None
        config = configuration_of(options)
        self._reloads.begin_with(config)
        return ConfigWatcher(
            options.config_file, options.config_poll_seconds, config, self._reload_from_file, self._reloads.refused
        )

    def _reload_from_file(self, config: Any) -> ReloadResult:
        """Takes the list of models of the file that is watched."""
        result = self._served.reload_unnoted(config)
        note_from_file(result, self._audit)
        return result
