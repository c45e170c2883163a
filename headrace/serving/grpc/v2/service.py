"""inference.GRPCInferenceService: the Open Inference Protocol."""

from __future__ import annotations

import contextlib
import functools
import time
from concurrent.futures import Executor
from typing import Any

from headrace.core.errors import InvalidArgumentError, NotFoundError, OpError
from headrace.serving.dataplane import Dataplane
from headrace.serving.engines.base import DEFAULT_SIGNATURE
from headrace.serving.grpc.calls import Answering, Call, Method
from headrace.serving.grpc.errors import details
from headrace.serving.grpc.forms import Answers
from headrace.serving.grpc.v2 import messages
from headrace.serving.grpc.v2.known_requests import Requests
from headrace.serving.grpc.v2.request import Named, read_names
from headrace.serving.grpc.v2.response import answer, failure, in_stream
from headrace.serving.pending import Pending
from headrace.serving.servable import Handle
from headrace.serving.v2 import describe
from headrace.serving.v2.infer import API, InferRequest, begin, first_value, spec_of

SERVICE = "inference.GRPCInferenceService"
STREAM = f"/{SERVICE}/ModelStreamInfer"
_OPEN = ("ServerLive", "ServerReady")


class InferenceService:
    """Runs models, and says what there is and whether it is ready.

    Args:
        dataplane: runs them.
        control: runs what needs no model.
    """

    def __init__(self, dataplane: Dataplane, control: Executor) -> None:
        self._dataplane = dataplane
        self._models = dataplane.models
        self._control = control
        self._requests = Requests()
        self._answers = Answers()
        self._in_stream = Method(None, self.infer, api=API, streamed=True)

    def methods(self) -> dict[str, Method]:
        """The methods with one response, by path."""
        control = {
            "ServerLive": (messages.ServerLiveRequest, self.server_live),
            "ServerReady": (messages.ServerReadyRequest, self.server_ready),
            "ServerMetadata": (messages.ServerMetadataRequest, self.server_metadata),
            "ModelReady": (messages.ModelReadyRequest, self.model_ready),
            "ModelMetadata": (messages.ModelMetadataRequest, self.model_metadata),
            "RepositoryIndex": (messages.RepositoryIndexRequest, self.repository_index),
        }
        found = {
            f"/{SERVICE}/{name}": Method(kind, make, pool=self._control, open=name in _OPEN)
            for name, (kind, make) in control.items()
        }
        return found | {f"/{SERVICE}/ModelInfer": Method(None, self.infer, api=API, start=self.start_infer)}

    def infer(self, data: bytes, call: Call) -> bytes:
        """Runs one signature; raises what Dataplane.predict does."""
        started = time.monotonic()
        named = self._named(data, call)
        with self._dataplane.acquire(named.spec, call.context) as handle:
            pending = self._begin(handle, named, self._requests.request(data, named), call, started, wait=True)
        return pending.result()

    def start_infer(self, data: bytes, call: Call) -> Pending[bytes] | None:
        """Queues a request for a signature that is batched; None where a run would begin at once. Raises what `infer` does."""
        started = time.monotonic()
        named = self._named(data, call)
        with self._dataplane.acquire(named.spec, call.context) as handle:
            if not handle.has_batches:
                return None
            request = self._requests.request(data, named)
            batcher = handle.batcher(request.signature or DEFAULT_SIGNATURE)
            if batcher is None:
                return None
            if call.hold is not None:
                call.hold(batcher)
            return self._begin(handle, named, request, call, started)

    def _begin(
        self, handle: Handle, named: Named, request: InferRequest, call: Call, started: float, wait: bool = False
    ) -> Pending[bytes]:
        pending = begin(self._dataplane, handle, request, call.context, started, wait)
        return pending.then(lambda prediction: answer(self._answers, named.spec.name, request, prediction, named.raw))

    def in_stream(self, answering: Answering, data: bytes, rpc: Any) -> bytes:
        """A stream's message with the answer to a request, or with what went wrong; raises nothing."""
        found = answering.answer(self._in_stream, data, rpc)
        if not isinstance(found, OpError):
            return in_stream(found)
        with contextlib.suppress(InvalidArgumentError):  # then it has no id that could be read
            return failure(read_names(data).id, details(found))
        return failure("", details(found))

    def server_live(self, _: Any, __: Call) -> Any:
        """Always so."""
        return messages.ServerLiveResponse(live=True)

    def server_ready(self, _: Any, __: Call) -> Any:
        """True while every model has an AVAILABLE version and the server does not drain."""
        return messages.ServerReadyResponse(ready=self._dataplane.ready)

    def server_metadata(self, _: Any, __: Call) -> Any:
        """Name, version and extensions."""
        return messages.ServerMetadataResponse(**describe.server())

    def model_ready(self, request: Any, call: Call) -> Any:
        """True while a version is AVAILABLE; false also for what was never there, as Triton has it."""
        call.context.rights.check_sees(request.name)
        try:
            statuses = self._models.statuses(spec_of(request.name, request.version))
        except NotFoundError:
            return messages.ModelReadyResponse(ready=False)
        return messages.ModelReadyResponse(ready=describe.is_ready(statuses))

    def model_metadata(self, request: Any, call: Call) -> Any:
        """The inputs and outputs of the usual signature; raises what Models.acquire does."""
        call.context.rights.check_sees(request.name)
        versions = self._models.available_versions().get(request.name, [])
        with self._models.acquire(spec_of(request.name, request.version)) as handle:
            found = describe.model(handle, versions)
        del found["signatures"]  # the message has no place for them; GetModelMetadata tells of all
        return messages.ModelMetadataResponse(**found)

    def repository_index(self, request: Any, call: Call) -> Any:
        """Every version and its state."""
        seen = {name: found for name, found in self._models.overview().items() if call.context.rights.sees(name)}
        return messages.RepositoryIndexResponse(models=describe.index(seen, request.ready))

    def _named(self, data: bytes, call: Call) -> Named:
        """The names in a request, which the call is told of."""
        named = self._requests.read_names(data)
        call.model = named.spec.name
        call.context.first_value = functools.partial(_first_value, data, named)
        return named


def _first_value(data: bytes, named: Named, name: str) -> object:
    try:
        return first_value(named.request(data), name)
    except OpError:  # whoever answers the request says so
        return None
