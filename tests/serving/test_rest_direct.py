"""Small predict requests are answered directly as the application would answer them: the same bytes, and the same counts."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.core.errors import UnavailableError
from headrace.serving.access.gate import Gate
from headrace.serving.audit import AuditLog
from headrace.serving.batching.options import BatchingOptions, FixedBatching
from headrace.serving.cache import CacheOptions
from headrace.serving.rest import decode
from headrace.serving.rest.app import RestOptions
from headrace.serving.workers import Workers
from tests.serving.access.people import TEXT, TOKENS, gate
from tests.serving.toy import Service, wait_until, write_version
from tests.serving.toy_http import PREDICT, Listening, counts, received, request
from tests.serving.toy_traffic import Site

GOOD = b'{"instances": [[1, 2]]}'
LONG = json.dumps({"instances": [[0.5, value / 4] for value in range(100)]}).encode()
MOST = GOOD + b" " * ((16 << 10) - len(GOOD))


def signature(name: str, **content: object) -> bytes:
    return json.dumps({"signature_name": name, **content}).encode()


TAKEN = {
    "good": request(GOOD),
    "columnar": request(b'{"inputs": [[1, 2]]}'),
    "long": request(LONG),
    "as large as may be": request(MOST),
    "several outputs": request(signature("pair", inputs={"a": [1, 2], "b": [3, 4]})),
    "text": request(signature("text", inputs=["ab"])),
    "no rows": request(signature("total", instances=[1, 2])),
    "infinite": request(signature("divide", instances=[0, 1])),
    "a model that fails": request(signature("broken", instances=[1])),
    "no JSON": request(b"{"),
    "nothing": request(b""),
    "no input": request(b"{}"),
    "wrong shape": request(b'{"instances": [[1, 2, 3]]}'),
    "no such signature": request(signature("other", instances=[1])),
    "no such model": request(GOOD, "/v1/models/other:predict"),
    "a version": request(GOOD, "/v1/models/m/versions/1:predict"),
    "no such version": request(GOOD, "/v1/models/m/versions/7:predict"),
    "no such label": request(GOOD, "/v1/models/m/labels/x:predict"),
    "upper case": request(GOOD, "/V1/Models/m:PREDICT"),
    "encoded": request(GOOD, "/v1/models/%6d:predict"),
    "a query": request(GOOD, "/v1/models/m:predict?a=b"),
    "an absolute URL": request(GOOD, "http://h/v1/models/m:predict"),
    "priority": request(GOOD, PREDICT, "PRIORITY: u=1"),
    "two priorities": request(GOOD, PREDICT, "priority: u=9", "priority: u=1"),
    "another protocol": request(GOOD, PREDICT, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA"),
    "to be closed": request(GOOD, PREDICT, "Connection: close"),
    "an error, to be closed": request(b"{", PREDICT, "connection: Close"),
    "zeros before the length": request(GOOD, PREDICT, f"content-LENGTH: 000{len(GOOD)}", length=False),
}
LEFT = {
    "too large": request(MOST + b" "),
    "no such path": request(GOOD, "/v1/models/m:prophesy"),
    "outside": request(GOOD, "/predict"),
    "a name that is not UTF-8": request(GOOD, "/v1/models/%ff:predict"),
    "a long URL": request(GOOD, "/v1/models/m:predict?" + "x" * 300),
    "a status": request(b"", "/v1/models/m", method="GET"),
    "another method": request(GOOD, method="PUT"),
    "HTTP/1.0": request(GOOD, version="1.0"),
    "chunks": request(b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD), PREDICT, "Transfer-Encoding: chunked", length=False),
    "gzip": request(gzip.compress(GOOD, mtime=0), PREDICT, "Content-Encoding: gzip"),
    "identity": request(GOOD, PREDICT, "Content-Encoding: identity"),
    "an expectation": request(GOOD, PREDICT, "Expect: 100-continue"),
    "no length": request(b"", length=False),
    "V2": request(b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}', "/v2/models/m/infer"),
}
REFUSED = {
    "two lengths": request(GOOD, PREDICT, "Content-Length: 3"),
    "a length and chunks": request(GOOD, PREDICT, "Transfer-Encoding: chunked"),
    "a negative length": request(GOOD, PREDICT, "Content-Length: -1", length=False),
    "a length with a sign": request(GOOD, PREDICT, f"Content-Length: +{len(GOOD)}", length=False),
    "no number": request(GOOD, PREDICT, "Content-Length: x", length=False),
    "a huge length": request(GOOD, PREDICT, "Content-Length: " + "9" * 30, length=False),
    "a header without a name": request(GOOD, PREDICT, ": x"),
}


class Pair:
    """The same service twice: one answers directly what it can, the other nothing."""

    def __init__(self, direct: Service, general: Service, stack: contextlib.ExitStack) -> None:
        self.services = direct, general
        self._counted = [counts(each.metrics.page(each.models)) for each in self.services]
        self.direct = stack.enter_context(Listening(direct.app, direct=True))
        self.general = stack.enter_context(Listening(general.app, direct=False))

    def same(self, pieces: list[bytes], count: int = 1, pause: float = 0.0) -> bytes:
        """What both answer, to the byte."""
        found = [each.answers(pieces, count, pause) for each in (self.direct, self.general)]
        assert found[0] == found[1]
        return found[0]

    def took(self) -> tuple[int, int]:
        """How many requests were answered directly, and how many were not, since the last time."""
        watched = self.direct.watched
        assert watched is not None
        found = watched.taken, watched.left
        watched.taken = watched.left = 0
        return found

    def check_counts(self) -> None:
        """The metrics of both have counted the same since the last time."""
        for service in self.services:
            wait_until(lambda service=service: not any(service.metrics.in_flight_now().values()))  # type: ignore[misc]
        found = [counts(each.metrics.page(each.models)) for each in self.services]
        new = [now - before for now, before in zip(found, self._counted, strict=True)]
        self._counted = found
        assert new[0] == new[1]


def cancelled(service: Service) -> int:
    """How many requests were."""
    found = counts(service.metrics.page(service.models))
    return sum(count for series, count in found.items() if "requests_total" in series and "CANCELLED" in series)


@contextlib.contextmanager
def pair(folder: Path, gates: Iterator[Gate] | None = None, **options: object) -> Iterator[Pair]:
    with contextlib.ExitStack() as stack:
        made = []
        for name in ("direct", "general"):
            write_version(folder / name, 1, 2.0)
            gate = next(gates) if gates is not None else None
            made.append(stack.enter_context(Service(folder / name, gate=gate, **options)))  # type: ignore[arg-type]
            wait_until(lambda: made[-1].lifecycle.available)
        yield Pair(made[0], made[1], stack)


@pytest.fixture(scope="module", params=[None, BatchingOptions()], ids=["unbatched", "batched"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("direct"), batching=request.param) as made:
        yield made


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_answered_directly(both: Pair, name: str) -> None:
    assert both.same([TAKEN[name]]).startswith(b"HTTP/1.1 ")
    assert both.took() == (1, 0)
    both.check_counts()


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_to_the_application(both: Pair, name: str) -> None:
    assert both.same([LEFT[name]]).startswith(b"HTTP/1.1 ")
    assert both.took() == (0, 1)
    both.check_counts()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request(both: Pair, name: str) -> None:
    assert both.same([REFUSED[name]]).startswith(b"HTTP/1.1 400 ")
    assert both.took() == (0, 0)


@pytest.mark.parametrize("first", ["good", "no JSON", "no such model", "too large", "a status", "to be closed"])
@pytest.mark.parametrize("second", ["good", "no JSON", "gzip", "to be closed"])
def test_requests_in_one_piece_are_answered_in_their_order(both: Pair, first: str, second: str) -> None:
    known = TAKEN | LEFT
    count = 1 if first == "to be closed" else 2 if second == "to be closed" else 3
    both.same([known[first] + known[second] + known["good"]], count)
    both.check_counts()


def test_what_is_no_request_behind_one_that_is(tmp_path: Path) -> None:
    with pair(tmp_path) as both:
        assert both.same([TAKEN["good"] + REFUSED["two lengths"]]).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("name", ["good", "no JSON", "long", "too large"])
def test_requests_one_after_the_other_on_a_connection(both: Pair, name: str) -> None:
    sent = (TAKEN | LEFT)[name]
    with both.direct.connection() as one, both.general.connection() as other:
        for _ in range(3):
            one.sendall(sent)
            other.sendall(sent)
            assert received(one) == received(other)
    both.check_counts()


@pytest.mark.parametrize("name", ["good", "no JSON", "to be closed", "chunks"])
def test_byte_by_byte(both: Pair, name: str) -> None:
    sent = (TAKEN | LEFT)[name]
    both.same([sent[place : place + 1] for place in range(len(sent))])
    both.check_counts()


@pytest.mark.parametrize("at", [1, 10, 60, 80, 95])
def test_in_two_pieces(both: Pair, at: int) -> None:
    both.took()
    both.same([TAKEN["good"][:at], TAKEN["good"][at:]], pause=0.02)
    assert both.took() == (1, 0)
    both.check_counts()


def test_a_large_answer_is_written_on_a_thread(both: Pair) -> None:
    both.took()
    assert len(both.same([request(b'{"instances": [%s[1,2]]}' % (b"[1,2]," * 2700))])) > 16 << 10
    assert both.took() == (1, 0)
    both.check_counts()


def test_what_nobody_has_foreseen(both: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def parse(_: bytes) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(decode, "parse", parse)
    assert b"the server failed to answer this request" in both.same([TAKEN["good"]])
    assert caplog.text.count("RuntimeError: a bug") == 2
    both.check_counts()


def test_no_thread_is_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(*_: object) -> None:
        raise UnavailableError("all wait")

    with pair(tmp_path) as both:
        monkeypatch.setattr(Workers, "submit", submit)
        assert both.same([TAKEN["good"]]).startswith(b"HTTP/1.1 503 ")
        both.check_counts()


def test_answers_that_are_kept(tmp_path: Path) -> None:
    kept = CacheOptions(1 << 20, frozenset({("m", "serving_default")}))
    with pair(tmp_path, cache=kept, batching=BatchingOptions()) as both:
        assert both.same([TAKEN["good"]]) == both.same([TAKEN["good"]])
        assert both.took() == (2, 0)
        both.check_counts()


def test_who_asks(tmp_path: Path) -> None:
    """Tokens, roles, models, rates of requests and of bytes; what was refused is counted and noted alike."""
    logs = AuditLog(), AuditLog()
    gates = iter([gate(TEXT, log) for log in logs])
    with pair(tmp_path, gates=gates) as both:
        for name in ["risk", "other", "ops", "prom", "", "wrong", "slow", "slow", "slow", "heavy", "heavy"]:
            token = [f"Authorization: Bearer {TOKENS.get(name, name)}"] if name else []
            answer = both.same([request(GOOD, PREDICT, *token)])
            assert both.took() == (1, 0)
            assert (b" 200 " in answer[:20]) == (name in ("risk", "slow", "heavy")) or b" 429 " in answer[:20], (name, answer)
        both.check_counts()
        found = [[(each.who, each.action, each.target, each.outcome) for each in log.recent()] for log in logs]
        assert found[0] == found[1] != []


@pytest.mark.parametrize("batching", [None, BatchingOptions()], ids=["unbatched", "batched"])
def test_the_time_is_over(tmp_path: Path, batching: BatchingOptions | None) -> None:
    slow = signature("slow", inputs=[3.0])
    with pair(tmp_path, batching=batching, rest=RestOptions(timeout_seconds=1.5)) as both:
        told: list[str] = []
        both.services[0].dataplane.listeners.append(lambda run: told.append(run.error.code if run.error else "OK"))
        assert both.same([request(slow)]).startswith(b"HTTP/1.1 504 ")
        assert both.same([request(GOOD)[:-1]]).startswith(b"HTTP/1.1 504 ")
        both.same([request(GOOD)[:-1], request(GOOD)[-1:] + request(GOOD)], 2, pause=2.0)
        both.check_counts()
        run = "DEADLINE_EXCEEDED" if batching is not None else "OK"  # on a thread it goes on to its end
        wait_until(lambda: sorted(told) == [run, "OK"])


def test_a_client_that_goes_away(tmp_path: Path) -> None:
    """Before its body is there, or while it waits for its batch, which then does not run for it."""
    write_version(tmp_path, 1, 2.0)
    patient = BatchingOptions(FixedBatching(max_batch_size=4, batch_timeout_micros=600_000_000))
    with Service(tmp_path, batching=patient) as service, Listening(service.app, direct=True) as listening:
        wait_until(lambda: service.lifecycle.available)
        runs = service.engine.models[tmp_path / "1"].runs
        warm = len(runs)
        for sent in (request(GOOD)[:-1], request(GOOD)):
            with listening.connection() as connection:
                connection.sendall(sent)
                wait_until(lambda: any(service.metrics.in_flight_now().values()))
            wait_until(lambda: not any(service.metrics.in_flight_now().values()))
        assert cancelled(service) == 2
        assert len(runs) == warm


@pytest.mark.parametrize("force", [False, True])
def test_the_end_of_the_server(tmp_path: Path, force: bool) -> None:
    """Requests in progress are answered, and those that take too long are told so and counted."""
    write_version(tmp_path, 1, 2.0)
    batching = BatchingOptions(FixedBatching(num_batch_threads=2))
    with Service(tmp_path, batching=batching) as service, contextlib.ExitStack() as stack:
        wait_until(lambda: service.lifecycle.available)
        listening = stack.enter_context(Listening(service.app, direct=True, grace=3.0))
        quick, slow = (stack.enter_context(listening.connection()) for _ in range(2))
        runs = service.engine.models[tmp_path / "1"].runs
        for connection, seconds in ((quick, 1.0), (slow, 8.0)):
            begun = len(runs)
            connection.sendall(request(signature("slow", inputs=[seconds])))
            wait_until(lambda begun=begun: len(runs) > begun)  # type: ignore[misc]
        listening.end(force)
        assert received(slow).startswith(b"HTTP/1.1 500 ")
        assert received(quick).startswith(b"HTTP/1.1 500 " if force else b"HTTP/1.1 200 ")
        assert cancelled(service) == 1 + force


def test_many_at_once(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 2.0)
    with Service(tmp_path, batching=BatchingOptions()) as service, contextlib.ExitStack() as stack:
        wait_until(lambda: service.lifecycle.available)
        listening = stack.enter_context(Listening(service.app, direct=True))
        runs = service.engine.models[tmp_path / "1"].runs
        warm = len(runs)
        connections = [stack.enter_context(listening.connection()) for _ in range(50)]
        for number, connection in enumerate(connections):
            connection.sendall(request(b'{"instances": [[%d, 0]]}' % number))
        for number, connection in enumerate(connections):
            assert received(connection).endswith(b'{"predictions":[[%d.0,0.0]]}' % (2 * number))
        assert len(runs) - warm < 50


def test_traffic_rules(tmp_path: Path) -> None:
    """Variants by a key in a header or in the body, the headers of the answer, and what the rules count."""
    reports = []
    found: list[list[bytes]] = []
    for direct in (True, False):
        with Site(tmp_path / str(direct), 2.0, 3.0, batching=BatchingOptions()) as site, Listening(site.app, direct) as listening:
            answers = []
            for sticky in ({"header": "x-user"}, {"input": "x"}):
                site.rules({"name": "a", "version": 1, "weight": 1}, {"name": "b", "version": 2, "weight": 1}, sticky=sticky)
                for number in range(20):
                    body = b'{"instances": [[%d, 0]]}' % number
                    headers = (f"X-User: {number}", f"X-Headrace-Request-Id: {number}")
                    answers.append(listening.answers([request(body, PREDICT, *headers)]))
            answers.append(listening.answers([request(GOOD, PREDICT, "x-headrace-variant: b", "x-headrace-request-id: 1")]))
            answers.append(listening.answers([request(GOOD, PREDICT, "x-headrace-variant: c", "x-headrace-request-id: 1")]))
            assert listening.watched is None or (listening.watched.taken, listening.watched.left) == (42, 0)
            found.append(answers)
            reports.append(counts(site.metrics.page(site.models)))
    assert found[0] == found[1]
    assert reports[0] == reports[1]
