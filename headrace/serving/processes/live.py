"""What requests did in all workers, for the charts of the console."""

from __future__ import annotations

import asyncio
import json

from headrace.core.errors import OpError, UnavailableError
from headrace.serving.live.counts import Sample
from headrace.serving.processes.crew import Crew, Worker

_WAIT_SECONDS = 0.5


class LiveCollector:
    """Asks all workers at once, so that a second of the charts is the same second of each.

    What a worker tells too late counts in a later second. Nothing of it is lost while the worker lives.

    Args:
        crew: the workers.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._asking: dict[Worker, asyncio.Task[Sample]] = {}

    def take(self) -> Sample:
        """What happened since the last call."""
        try:
            return self._crew.wait_for(self._take())
        except UnavailableError:
            return Sample()

    def close(self) -> None:
        """Nobody asks any more."""

    async def _take(self) -> Sample:
        for worker in self._crew.joined:
            if worker not in self._asking:
                self._asking[worker] = asyncio.create_task(_ask(worker))
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=_WAIT_SECONDS)
        whole = Sample()
        for worker, task in list(self._asking.items()):
            if task.done():
                del self._asking[worker]
                whole.merge(task.result())
        return whole


async def _ask(worker: Worker) -> Sample:
    """What happened in a worker; nothing where it is gone, with what it counted last."""
    try:
        return Sample.from_json(json.loads(await worker.link.ask("live")))
    except OpError:
        return Sample()
