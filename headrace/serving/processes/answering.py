"""What a worker answers to the supervisor's questions."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp

from headrace.serving.admin.served import Served
from headrace.serving.live.counts import LiveCounts, Sample
from headrace.serving.models import Models
from headrace.serving.processes import forwarding, outcomes, standing
from headrace.serving.processes.member import Answer
from headrace.serving.processes.reloads import decoded
from headrace.serving.routing.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Answering:
    """The parts of a worker that are asked.

    Attributes:
        models: its models;
        served: and what the admin API is told of them.
        page: makes its metrics page.
        rest: answers the requests that come to the admin port.
        traffic: its rules; None where the server has none.
        counts: of its requests; None where nobody looks at them.
    """

    models: Models
    served: Served
    page: Callable[[], str]
    rest: ASGIApp
    traffic: Traffic | None
    counts: LiveCounts | None

    def answers(self) -> dict[str, Answer]:
        """What answers each kind of question."""
        quick = {
            "page": lambda _: self.page(),
            "check": self._check,
            "reload": self._reload,
            "standing": lambda _: standing.to_json(self.models),
            "signatures": lambda text: json.dumps(self.served.signatures(*json.loads(text))),
            "traffic": self._follow,
            "drain": lambda _: json.dumps(self.traffic.drain() if self.traffic is not None else {}),
            "exposed": self._exposed,
            "live": lambda _: json.dumps((self.counts.take() if self.counts is not None else Sample()).to_json()),
        }
        return {**{what: _on_a_thread(function) for what, function in quick.items()}, "http": self._http}

    def _check(self, text: str) -> str:
        self.models.check_here(decoded(text))
        return ""

    def _reload(self, text: str) -> str:
        return outcomes.to_json(self.models.reload_here(decoded(text)))

    def _follow(self, text: str) -> str:
        if self.traffic is not None:
            self.traffic.follow(text)
        return ""

    def _exposed(self, text: str) -> str:
        asked = json.loads(text)
        found = None
        if self.traffic is not None:
            found = self.traffic.exposed(asked["kind"], asked["model"], base64.b64decode(asked["name"]))
        return json.dumps(found)

    async def _http(self, text: str) -> str:
        return await forwarding.answer(self.rest, text)


def _on_a_thread(function: Callable[[str], str]) -> Answer:
    async def answer(text: str) -> str:
        return await asyncio.to_thread(function, text)

    return answer
