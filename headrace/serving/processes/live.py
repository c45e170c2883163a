"""What requests did in all workers, for the charts of the console."""

from __future__ import annotations

import asyncio
import json

from headrace.core.errors import UnavailableError
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
        self._asking: dict[Worker, asyncio.Task[str]] = {}

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
                self._asking[worker] = asyncio.create_task(worker.link.ask("live"))
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=_WAIT_SECONDS)
        whole = Sample()
        for worker, task in list(self._asking.items()):
            if task.done():
                del self._asking[worker]
                if not task.cancelled() and task.exception() is None:  # else it is gone, with what it counted last
                    whole.merge(Sample.from_json(json.loads(task.result())))
        return whole
