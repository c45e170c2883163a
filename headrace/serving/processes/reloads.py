"""Replacing the list of models in every worker: refused by one, it changes nothing; else all take it, also those to come."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from headrace.core.errors import OpError, UnavailableError
from headrace.core.exposition import Counter, Family, Gauge
from headrace.proto.serving import ModelServerConfig
from headrace.serving.processes import outcomes
from headrace.serving.processes.crew import Crew, Worker
from headrace.serving.reload import Outcome, ReloadResult

_CHECK_SECONDS = 10.0
_WAIT_SECONDS = 300.0
_RELOAD_SECONDS = 330.0
"""Workers give up by themselves after 300 s."""


class Reloads:
    """The list of models of a server of several processes.

    Args:
        crew: the workers.
    """

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._one_at_a_time = asyncio.Lock()
        self._current = ""
        self._refused = Counter("headrace_serving_config_reloads_total", "Tries to take a new list of models.", ["code"])
        self._successful = Gauge("headrace_serving_config_last_reload_successful", "1 unless the last try failed.")
        self._successful.replace({(): 1.0})

    def families(self) -> list[Family]:
        """What is counted here: lists that no worker has seen applied. Workers count the others."""
        return [self._refused, self._successful]

    def begin_with(self, config: Any) -> None:
        """Takes the list of the start, which a worker that comes later may not find in the file any more."""
        self._current = encoded(config)

    def refused(self, error: OpError) -> None:
        """Notes a list that could not be taken."""
        self._refused.add((error.code,))
        self._successful.replace({(): 0.0})

    @property
    def current(self) -> str:
        """The list that is in force, `encoded`; "" where it is still that of the configuration."""
        return self._current

    async def give(self, worker: Worker) -> None:
        """Has a worker that has come late take the list that the others have."""
        async with self._one_at_a_time:
            if self._current and self._current != worker.models:
                await worker.link.ask("reload", self._current)

    async def reload(self, config: str) -> ReloadResult:
        """Replaces the list in every worker; see Models.reload.

        Args:
            config: the list, `encoded`.

        Raises:
            UnavailableError: some worker did not answer; it is named, and nothing has changed.
            OpError: some worker refuses it, and nothing has changed.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise UnavailableError("another reload is still waiting for its models; try again later") from None
        try:
            return await self._reload(config)
        except OpError as error:
            self.refused(error)
            raise
        finally:
            self._one_at_a_time.release()

    async def _reload(self, config: str) -> ReloadResult:
        workers = self._crew.joined
        if not workers:
            raise UnavailableError("no process of this server is there yet; try again later")
        checked = await self._crew.ask("check", config, _CHECK_SECONDS, workers)
        for index, error in sorted(checked.errors.items()):
            if isinstance(error, UnavailableError):
                raise UnavailableError(f"worker {index}: {error.message}; nothing has changed")
            raise error
        self._current = config  # for the workers to come
        done = await self._crew.ask("reload", config, _RELOAD_SECONDS, workers)
        self._successful.replace({(): 1.0})
        return merged({index: outcomes.from_json(text) for index, text in done.given.items()}, done.errors)


def merged(results: Mapping[int, ReloadResult], errors: Mapping[int, OpError]) -> ReloadResult:
    """What came of each model in all workers: the error of the first that has one.

    Args:
        results: by worker.
        errors: of workers that took nothing although they had agreed to.
    """
    if not results:
        said = "; ".join(f"worker {index}: {error.message}" for index, error in sorted(errors.items()))
        raise UnavailableError(said or "all processes ended meanwhile; those that replace them take the list")
    first: dict[str, Outcome] = {}
    for index, result in sorted(results.items()):
        for each in result.outcomes:
            known = first.setdefault(each.model, each)
            if known.error is None and each.error is not None:
                first[each.model] = Outcome(each.model, known.change, type(each.error)(f"worker {index}: {each.error.message}"))
    if errors:
        late = "; ".join(f"worker {index} did not take the list: {error.message}" for index, error in sorted(errors.items()))
        first = {
            name: each if each.error is not None else Outcome(name, each.change, UnavailableError(late))
            for name, each in first.items()
        }
    return ReloadResult(tuple(first.values()))


def decoded(text: str) -> Any:
    """What `encoded` was made of."""
    return ModelServerConfig.FromString(base64.b64decode(text))


def encoded(config: Any) -> str:
    """A ModelServerConfig as text."""
    return base64.b64encode(config.SerializeToString()).decode()
