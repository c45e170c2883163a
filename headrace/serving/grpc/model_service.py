"""tensorflow.serving.ModelService."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

from headrace.core.errors import PermissionDeniedError
from headrace.proto.serving import GetModelStatusRequest, ReloadConfigRequest, ReloadConfigResponse
from headrace.serving.access.callers import ADMIN
from headrace.serving.admin.reloads import audited_reload
from headrace.serving.audit import AuditLog
from headrace.serving.grpc import codec, describe
from headrace.serving.grpc.calls import Call, Method
from headrace.serving.metrics import ServingMetrics
from headrace.serving.models import Models

SERVICE = "tensorflow.serving.ModelService"


class ModelService:
    """Says in what state models are, and replaces the list of them.

    Args:
        models: those of the server.
        metrics: has the counters whose increase a reload may be asked for.
        control: runs the calls that are answered at once.
        reloads: runs reloads, which wait for models to load.
        audit: told of reloads.
        allow_reload: False refuses reloads.
    """

    def __init__(
        self,
        models: Models,
        metrics: ServingMetrics,
        control: Executor,
        reloads: Executor,
        audit: AuditLog,
        allow_reload: bool = True,
    ) -> None:
        self._models = models
        self._metrics = metrics
        self._control = control
        self._reloads = reloads
        self._audit = audit
        self._allow_reload = allow_reload

    def methods(self) -> dict[str, Method]:
        """The methods, by path."""
        return {
            f"/{SERVICE}/GetModelStatus": Method(GetModelStatusRequest, self.status, pool=self._control),
            f"/{SERVICE}/HandleReloadConfigRequest": Method(ReloadConfigRequest, self.reload, pool=self._reloads, role=ADMIN),
        }

    def status(self, request: Any, call: Call) -> Any:
        """The state of every version of a model, or of one; raises what Models.statuses does."""
        spec = codec.model_spec(request)
        call.context.rights.check_sees(spec.name)
        return describe.status_response(self._models.statuses(spec))

    def reload(self, request: Any, call: Call) -> Any:
        """Replaces the list of models and waits for the new ones; a name that is no counter gives no metric.

        Raises:
            OpError: the configuration is refused, and nothing has changed; see Models.reload.
            UnknownError: the list was taken, but not every new model became AVAILABLE.
            PermissionDeniedError: reloads are off.
        """
        if not self._allow_reload:
            raise PermissionDeniedError("reloads are off here; start the server with --grpc_allow_reload=true")
        before = {name: self._metrics.total(name) for name in request.metric_names}
        result = audited_reload(self._models.reload, request.config, self._audit, call.who)
        if result.error is not None:
            raise result.error
        response = ReloadConfigResponse()
        describe.fill_status(response.status, None)
        for name, value in before.items():
            after = self._metrics.total(name)
            if value is not None and after is not None:
                response.metric.add(name=name, int64_value_increase=after - value)
        return response
