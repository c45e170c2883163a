"""What the admin API tells of several processes, and changes in all of them."""

from __future__ import annotations

import json
import time
from typing import Any

from headrace.core.errors import OpError, UnavailableError
from headrace.serving.admin.reloads import audited_reload
from headrace.serving.admin.served import Standing
from headrace.serving.audit import AuditLog
from headrace.serving.processes import standing
from headrace.serving.processes.crew import Crew
from headrace.serving.processes.reloads import Reloads, encoded
from headrace.serving.reload import ReloadResult

_ASK_SECONDS = 5.0


class SeveralProcesses:
    """The models of all workers together; see admin.served.Served.

    Args:
        crew: the workers;
        count: how many there are to be.
        reloads: replaces lists of models.
        audit: where reloads are noted.
    """

    def __init__(self, crew: Crew, count: int, reloads: Reloads, audit: AuditLog) -> None:
        self._crew = crew
        self._count = count
        self._reloads = reloads
        self._audit = audit

    def standing(self) -> Standing:
        """How all stand together, as far as they say it in time; `processes` says which do not."""
        found = standing.merge(self._crew.asked("standing", seconds=_ASK_SECONDS).given)
        processes = [self._process(index) for index in range(self._count)]
        ready = found.ready and any(each["state"] == "serving" for each in processes)
        return Standing(found.overview(), found.labels(), ready, processes)

    def signatures(self, model: str, version: str) -> dict[str, Any]:
        """The signatures of a version, of the first worker that has it."""
        answers = self._crew.asked("signatures", json.dumps([model, version]), _ASK_SECONDS)
        for text in answers.given.values():
            found: dict[str, Any] = json.loads(text)
            return found
        for error in answers.errors.values():
            raise error
        raise UnavailableError("no process of this server is there yet; try again later")

    def reload(self, config: Any, who: str) -> ReloadResult:
        """Replaces the list of models in all workers, and notes it once."""
        return audited_reload(self.reload_unnoted, config, self._audit, who)

    def reload_unnoted(self, config: Any) -> ReloadResult:
        """The same without a note."""
        return self._crew.wait_for(self._reloads.reload(encoded(config)))

    def refused(self, error: OpError) -> None:
        """A list could not be read."""
        self._reloads.refused(error)

    def _process(self, index: int) -> dict[str, Any]:
        worker = self._crew.workers.get(index)
        if worker is None:
            return {"index": index, "pid": None, "state": "gone"}
        uptime = round(time.monotonic() - worker.started, 3)
        return {"index": index, "pid": worker.process.pid, "state": worker.state, "uptime_seconds": uptime}
