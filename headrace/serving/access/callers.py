"""Callers: what each is called, may do, and how much of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from headrace.core.errors import PermissionDeniedError

PREDICT, ADMIN, METRICS = "predict", "admin", "metrics"
ROLES = frozenset({PREDICT, ADMIN, METRICS})
"""Asking models; replacing them, and whatever the admin API does; reading the metrics page."""

ANONYMOUS = "(anonymous)"
"""What metrics and errors call whoever did not say who it is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a caller may ask for, over time.

    Attributes:
        requests_per_second: on the long run.
        burst: requests that may come at once after a pause.
        body_bytes_per_second: of requests, compressed as they are sent, on the long run; ten seconds' worth may come at once.
    """

    requests_per_second: float = math.inf
    burst: float = math.inf
    body_bytes_per_second: float = math.inf


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks, known by a token or a certificate, or not at all.

    Attributes:
        name: "" for whoever did not say who it is.
        roles: some of `ROLES`.
        models: patterns such as `risk-*`; the models of the role `predict`.
        limits: how much it may ask for.
    """

    name: str
    roles: frozenset[str]
    models: tuple[str, ...] = ("*",)
    limits: Limits = field(default_factory=Limits)

    @property
    def label(self) -> str:
        """The name for metrics and errors."""
        return self.name or ANONYMOUS

    def check_role(self, role: str) -> None:
        """Raises PermissionDeniedError unless the caller has the role."""
        if role not in self.roles:
            raise PermissionDeniedError(f"{self.label} may not do this: it needs the role {role!r}; ask who runs this server")

    def sees(self, model: str) -> bool:
        """True when the caller may ask this model, or say which models there are."""
        return ADMIN in self.roles or self.may_ask(model)

    def may_ask(self, model: str) -> bool:
        """True when the caller may run this model."""
        return PREDICT in self.roles and ("*" in self.models or any(fnmatchcase(model, each) for each in self.models))

    def check_asks(self, model: str) -> None:
        """Raises PermissionDeniedError unless the caller may run this model, whether or not there is such a model."""
        if model and not self.may_ask(model):
            self.check_role(PREDICT)
            raise PermissionDeniedError(f"{self.label} may not use model {model[:200]!r}; ask who runs this server")

    def check_sees(self, model: str) -> None:
        """Raises PermissionDeniedError unless the caller may be told about this model."""
        if ADMIN not in self.roles:
            self.check_asks(model)


EVERYONE = Caller("", ROLES)
"""Who asks a server that does not care who asks."""
