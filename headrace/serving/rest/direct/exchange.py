"""One request and its answer, without a task: each step is called by the connection, or by what the request waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headrace.core.errors import CancelledError, DeadlineExceededError, OpError
from headrace.serving.dataplane import Prediction
from headrace.serving.pending import Pending
from headrace.serving.rest.answers import error_answer, failed
from headrace.serving.rest.direct import answers
from headrace.serving.rest.direct.answers import Header
from headrace.serving.rest.direct.limits import TimeLimits
from headrace.serving.rest.runner import Begun, RunCall, is_small
from headrace.serving.waking import Waking

if TYPE_CHECKING:
    from headrace.serving.rest.direct.front import Direct

_CANCELLED = b"Internal Server Error"


class Exchange:
    """A request on its way to its answer. Everything but what a thread or a batch reports happens on the event loop.

    To uvicorn's connection it is the cycle of its request, which says whether it is answered, and to uvicorn's server one of the
    tasks that it waits for at its end, and then cancels.

    Attributes:
        request: as the application would see it, where it matters who asks; None elsewhere.
        response_complete: the answer was given.
        more_body: the request has not come to its end.
        keep_alive: the connection stays open afterwards.
    """

    __slots__ = (
        "_body",
        "_call",
        "_connection",
        "_front",
        "_job",
        "_limits",
        "_pending",
        "_tasks",
        "_waking",
        "_write",
        "keep_alive",
        "more_body",
        "request",
        "response_complete",
    )

    def __init__(
        self,
        front: Direct,
        connection: HttpToolsProtocol,
        waking: Waking,
        limits: TimeLimits[Exchange],
        keep_alive: bool,
    ) -> None:
        self._front = front
        self._connection: HttpToolsProtocol | None = connection
        self._waking = waking
        self._limits = limits
        self._call: RunCall | None = None
        self._body: list[bytes] = []
        self._job: Future[Begun[bytes] | bytes] | None = None
        self._pending: Pending[Prediction] | None = None
        self._write: Callable[[Prediction], bytes] | None = None
        self._tasks = cast("set[Any]", connection.tasks)
        self._tasks.add(self)
        self.request: Request | None = None
        self.response_complete = False
        self.more_body = True
        self.keep_alive = keep_alive

    # What the connection says.

    def refuse(self, error: OpError) -> None:
        """It is not let in."""
        assert self.request is not None
        self._front.admission.refused(self.request, error)
        self._fail_soon(error)

    def enter(self, call: RunCall) -> None:
        """It is let in, and counts."""
        self._call = call
        self._limits.add(self, call.context.deadline)

    def receive(self, piece: bytes) -> None:
        """A piece of its body has come."""
        if self._call is not None:
            self._body.append(piece)

    def received(self) -> None:
        """All of it has come."""
        self.more_body = False
        call = self._call
        if call is None:
            return
        call.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        try:
            if self.request is not None:
                self._front.admission.received(self.request, call.context.rights, len(call.body))
            begun = self._front.predictor.begin(call)
            if begun is not None:
                self._wait_for(begun)
            else:
                self._job = self._front.predictor.begin_on_thread(call)
                self._job.add_done_callback(self._begun)
        except OpError as error:
            self._fail_soon(error)
        except Exception:  # noqa: BLE001  logged, and answered as the application does
            self._fail_soon(failed(), ())

    def gone(self) -> None:
        """The client has gone away: what has not run is called off."""
        self._connection = None
        if self._pending is not None:
            self._pending.cancel()
        elif self.more_body and self._call is not None:
            self._end(CancelledError.code, 0, (), b"")

    # What ends the wait.

    def too_late(self) -> None:
        """Its time is over."""
        if self._pending is not None and self._pending.done:
            self._ran()
            return
        self._give_up()
        self._fail(DeadlineExceededError(f"the request took longer than {self._front.timeout_seconds:g} s"))

    def cancel(self, msg: object = None) -> None:
        """The server ends and does not wait any more. As with a task, that happens soon, and not at once."""
        self._waking.add(self._cancelled)

    def _cancelled(self) -> None:
        """Answers as uvicorn does for what it cancels."""
        if self.response_complete:
            return
        self._give_up()
        self.keep_alive = False
        headers = ((b"content-type", b"text/plain; charset=utf-8"), _length(_CANCELLED))
        self._end(CancelledError.code, 500, headers, _CANCELLED)

    def _give_up(self) -> None:
        if self._job is not None:
            self._job.cancel()
        if self._pending is not None:
            self._pending.give_up()

    # What it waits for; these are called on other threads.

    def _begun(self, job: Future[Begun[bytes] | bytes]) -> None:
        self._waking.add(lambda: self._step(lambda: self._take(job)))

    def _done(self) -> None:
        self._waking.add(self._ran)

    # The steps.

    def _step(self, step: Callable[[], None]) -> None:
        """A step towards the answer, unless that was given meanwhile. What it raises is the answer."""
        if self.response_complete:
            return
        try:
            step()
        except OpError as error:
            self._fail(error)
        except Exception:  # noqa: BLE001  logged, and answered as the application does
            self._fail(failed(), ())

    def _take(self, job: Future[Begun[bytes] | bytes]) -> None:
        """A thread has begun it."""
        self._job = None
        begun = job.result()
        if isinstance(begun, tuple):
            self._wait_for(begun)
        else:
            self._answer(begun)

    def _wait_for(self, begun: Begun[bytes]) -> None:
        self._pending, self._write = begun
        self._pending.when_done(self._done)
        if self._connection is None:
            self._pending.cancel()

    def _ran(self) -> None:
        """It has run, or was called off."""
        self._step(self._finish)

    def _finish(self) -> None:
        pending, write = self._pending, self._write
        assert pending is not None
        assert write is not None
        self._pending = None
        prediction = pending.result()
        if is_small(prediction):
            self._answer(write(prediction))
        else:
            job = self._waking.loop.run_in_executor(None, write, prediction)
            job.add_done_callback(lambda job: self._step(lambda: self._answer(job.result())))

    # The answer.

    def _answer(self, body: bytes) -> None:
        self._end("OK", 200, (*self._brought(), _length(body), answers.JSON), body)

    def _fail(self, error: OpError, brought: Sequence[Header] | None = None) -> None:
        response = error_answer(error)
        headers = (*response.raw_headers, *(self._brought() if brought is None else brought))
        self._end(error.code, response.status_code, headers, bytes(response.body))

    def _fail_soon(self, error: OpError, brought: Sequence[Header] | None = None) -> None:
        """Tells an error once the connection is done with what it has read: it expects no answer before."""
        self._waking.add(lambda: self._fail(error, brought))

    def _brought(self) -> list[Header]:
        """Headers that somebody on its way has given its answer."""
        found = self._call.context.answer_headers if self._call is not None else None
        return answers.encoded(found) if found else []

    def _end(self, code: str, status: int, headers: Sequence[Header], body: bytes) -> None:
        """Counts it and answers it, if anybody still waits."""
        if self.response_complete:
            return
        self.response_complete = True
        self._tasks.discard(self)
        call, connection = self._call, self._connection
        self._call = self._connection = self._job = self._pending = self._write = self.request = None
        self._body.clear()
        if call is not None:
            self._limits.remove(self)
            self._front.predictor.leave(call)
            self._front.counting.answered(call, code)
        if connection is None:
            return
        told = (*connection.server_state.default_headers, *headers)
        connection.transport.write(answers.to_bytes(status, told, body, self.keep_alive))
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()


def _length(body: bytes) -> Header:
    return b"content-length", b"%d" % len(body)
