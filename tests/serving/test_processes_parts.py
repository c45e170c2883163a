"""The parts of a server of several processes, in this one: what they speak over, requests passed on, and rules judged together."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headrace.core.errors import NotFoundError, ResourceExhaustedError, UnavailableError
from headrace.serving.processes import forwarding
from headrace.serving.processes.crew import Answers, Crew
from headrace.serving.processes.forwarding import Forwarded
from headrace.serving.processes.governing import WholeTraffic
from headrace.serving.processes.link import GoneError, Link
from headrace.serving.routing.traffic import Traffic
from tests.serving.toy_traffic import NAN, PATH, Site, variant

Ask = Callable[[str], Awaitable[str]]


def between(answers: dict[str, Ask], use: Callable[[Link, Link, socket.socket], Awaitable[None]]) -> None:
    """Two ends that speak, the second of which has answers, while `use` runs."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        asking, answering = Link({}), Link(answers)
        ends = ((asking, ours, asyncio.Event()), (answering, theirs, asyncio.Event()))
        tasks = [asyncio.create_task(link.run(end, opened.set)) for link, end, opened in ends]
        for _, _, opened in ends:
            await opened.wait()
        try:
            await use(asking, answering, theirs)
        finally:
            ours.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


async def echo(text: str) -> str:
    return text


def test_what_is_too_long_for_the_other_end_is_an_error_and_the_link_goes_on() -> None:
    async def long(_: str) -> str:
        return "x" * (65 << 20)

    async def use(asking: Link, answering: Link, _: socket.socket) -> None:
        with pytest.raises(ResourceExhaustedError):
            await asking.ask("long", seconds=30)
        with pytest.raises(ResourceExhaustedError):
            await asking.ask("echo", "x" * (65 << 20))
        assert await asking.ask("echo", "still there", 30) == "still there"
        answering.leaving = True
        with pytest.raises(UnavailableError, match="is ending"):
            await asking.ask("echo", "", 30)

    between({"echo": echo, "long": long}, use)


def test_half_a_message_is_the_end() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        link = Link({})
        opened = asyncio.Event()
        running = asyncio.create_task(link.run(ours, opened.set))
        await opened.wait()
        asked = asyncio.create_task(link.ask("echo"))
        await asyncio.sleep(0)
        theirs.sendall(b'{"number": 0, "te')
        theirs.close()
        with pytest.raises(GoneError, match="was asked"):
            await asked
        await running

    asyncio.run(run())


def test_requests_are_passed_on_whole() -> None:
    async def tell(request: Request) -> Response:
        body = await request.body()
        told = {"path": request.scope["raw_path"].decode(), "query": str(request.query_params), "body": len(body)}
        told |= {"host": request.client.host if request.client else "", "names": request.state.certificate_names}
        return Response(json.dumps(told), 201, {"x-told": request.headers["x-given"]})

    async def too_long(_: Request) -> Response:
        return Response(b"x" * (forwarding.MAX_BODY_BYTES + 1))

    app = Starlette(routes=[Route("/tell/{rest:path}", tell, methods=["POST"]), Route("/long", too_long)])

    async def ask() -> None:
        forwarded = Forwarded(lambda text: forwarding.answer(app, text))
        transport = httpx.ASGITransport(app=forwarded, client=("192.0.2.7", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.post("/tell/a%20b?q=1", content=b"\xff" * 1000, headers=[(b"x-given", b"\xe9")])
            assert (answer.status_code, answer.headers["x-told"]) == (201, "\xe9")
            expected = {"path": "/tell/a%20b", "query": "q=1", "body": 1000, "host": "192.0.2.7", "names": []}
            assert answer.json() == expected
            assert (await client.get("/long")).status_code == 429
            assert (await client.post("/tell/x", content=b"x" * (forwarding.MAX_BODY_BYTES + 1))).status_code == 413

    asyncio.run(ask())


class Near(Crew):
    """Workers in this process, asked without sockets.

    Attributes:
        silent: numbers of those that do not answer.
    """

    def __init__(self, *traffic: Traffic) -> None:
        super().__init__()
        self.traffic = dict(enumerate(traffic))
        self.silent: set[int] = set()
        self.stands = json.dumps(
            {"versions": {"m": [[number, "AVAILABLE", None, "", "", ""] for number in (1, 2)]}, "labels": {"m": {}}, "ready": True}
        )

    def asked(self, what: str, text: str = "", seconds: float = 5.0) -> Answers:
        def answer(traffic: Traffic) -> str:
            if what == "exposed":
                asked = json.loads(text)
                return json.dumps(traffic.exposed(asked["kind"], asked["model"], base64.b64decode(asked["name"])))
            if what == "traffic":
                traffic.follow(text)
            return self.stands

        there = {index: each for index, each in self.traffic.items() if index not in self.silent}
        errors = {index: UnavailableError(f"no answer within {seconds:g} s") for index in self.silent}
        return Answers({index: answer(each) for index, each in there.items()}, dict(errors))


class Whole:
    """Two workers with the same model, and the rules of both."""

    def __init__(self, *sites: Site) -> None:
        self.sites = sites
        self.crew = Near(*(site.traffic for site in sites))
        self.events: list[tuple[Any, ...]] = []
        self.now = 0.0
        self.traffic = WholeTraffic(self.crew, 100, lambda *event: self.events.append(event), lambda: self.now)
        for site in sites:
            site.dataplane.feedback = self.traffic.feedback

    def rules(self, *variants: dict[str, Any], **more: Any) -> None:
        self.traffic.replace({"models": {"m": {"variants": list(variants), **more}}}, "test")

    def count(self) -> None:
        """What the supervisor does twice a second."""
        self.now += 1.0
        for site in self.sites:
            self.traffic.count(json.loads(json.dumps(site.traffic.drain())))

    def requests(self) -> dict[str, int]:
        self.count()
        return {name: each["requests"] for name, each in self.traffic.report("m")["variants"].items()}


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with contextlib.ExitStack() as stack:
        yield Whole(*(stack.enter_context(Site(tmp_path / name, 1.0, NAN)) for name in ("one", "other")))


BOTH = (variant("a", 1, 50), variant("b", 2, 50))


def test_counts_add_up_and_go_with_their_rules(whole: Whole) -> None:
    whole.rules(*BOTH)
    for site, times in zip(whole.sites, (10, 6), strict=True):
        list(site.predict(times))
    assert whole.requests() == {"a": 8, "b": 8}
    assert whole.requests() == {"a": 8, "b": 8}
    list(whole.sites[0].predict(4))
    whole.rules(variant("a", 1, 100))
    assert whole.requests() == {"a": 0}  # what the old rules' requests did is not the new ones'


def test_neither_saw_enough_to_judge_and_both_together_did(whole: Whole) -> None:
    whole.rules(*BOTH, rollback={"variant": "b", "baseline": "a", "max_nonfinite_rate": 0, "min_requests": 12})
    for site in whole.sites:
        list(site.predict(16))
    whole.count()
    whole.count()
    assert whole.traffic.report("m")["rolled_back"]["b"]["why"] == "nonfinite"
    for site in whole.sites:
        assert {answer.headers["x-headrace-variant"] for answer in site.predict(6)} == {"a"}
    assert [event[1] for event in whole.events] == ["traffic.replace", "traffic.rollback"]
    whole.traffic.resume("m", "ann")
    assert {answer.headers["x-headrace-variant"] for answer in whole.sites[1].predict(6)} == {"a", "b"}


def test_a_worker_that_comes_late_has_rules_and_rollbacks(whole: Whole, tmp_path: Path) -> None:
    whole.rules(*BOTH)
    whole.traffic.rollback("m", "b", "ann")
    old = whole.traffic.told()
    with Site(tmp_path / "late", 1.0, NAN) as late:
        late.traffic.follow(old)
        assert {answer.headers["x-headrace-variant"] for answer in late.predict(6)} == {"a"}
        whole.traffic.resume("m", "ann")
        late.traffic.follow(whole.traffic.told())
        late.traffic.follow(old)  # a word that was overtaken
        assert {answer.headers["x-headrace-variant"] for answer in late.predict(6)} == {"a", "b"}


def test_outcomes_count_once_whoever_is_told(whole: Whole) -> None:
    whole.rules(*BOTH, sticky={"header": "x-user"})
    one, other = whole.sites
    answer = one.ask("POST", PATH, json={"instances": [[1, 2]]})
    told = {"request_id": answer.headers["x-headrace-request-id"], "outcome": True}
    first = other.feedback(**told).json()
    assert (first["counted"], first["variant"]) == (True, answer.headers["x-headrace-variant"])
    assert not one.feedback(**told).json()["counted"]
    for site in (one, other):
        site.ask("POST", PATH, json={"instances": [[1, 2]]}, headers={"x-user": "ann"})
    assert [site.feedback(key="ann", outcome=2.5).json()["counted"] for site in (one, other)] == [True, False]
    assert one.feedback(request_id="nobody", outcome=True).status_code == 404
    whole.crew.silent = {1}
    assert one.feedback(request_id="nobody", outcome=True).status_code == 503
    whole.crew.silent = set()
    whole.rules(*BOTH, sticky={"header": "x-user"}, salt="other")
    assert one.feedback(key="ann", outcome=2.5).json()["reason"] == "the rules have changed since that answer"


def test_a_silent_worker_keeps_rules_as_they_are_or_takes_them_later(whole: Whole) -> None:
    whole.rules(*BOTH)
    whole.crew.silent = {1}
    with pytest.raises(UnavailableError, match="worker 1: .*nothing has changed"):
        whole.rules(variant("a", 1, 1))
    with pytest.raises(UnavailableError, match="worker 1: .*The change is made"):
        whole.traffic.rollback("m", "b", "ann")
    assert "late" in whole.events[-1][4]
    assert whole.traffic.report("m")["rolled_back"].keys() == {"b"}
    with pytest.raises(NotFoundError):
        whole.traffic.rollback("m", "z", "ann")
