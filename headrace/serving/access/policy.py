"""Who is who: the callers of a configuration, found by token or by certificate."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from headrace.core.errors import UnauthenticatedError
from headrace.core.tokens import token_hash, token_of
from headrace.serving.access.callers import Caller


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows of who sends it.

    Attributes:
        authorization: the header or metadata of that name; "" without one.
        certificate_names: of the client's certificate, which was verified; empty without one.
        address: where it comes from.
    """

    authorization: str = field(default="", repr=False)
    certificate_names: tuple[str, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The callers of a configuration.

    Attributes:
        tokens: callers by the hash of a token of theirs.
        certificates: callers by a name of their certificate.
        anonymous: what requests without token and certificate may do; None refuses them.
    """

    tokens: Mapping[str, Caller] = field(default_factory=dict)
    certificates: Mapping[str, Caller] = field(default_factory=dict)
    anonymous: Caller | None = None

    @property
    def callers(self) -> set[str]:
        """The names of all callers."""
        return {caller.name for caller in (*self.tokens.values(), *self.certificates.values())}

    def identify(self, credentials: Credentials) -> Caller:
        """Who sends a request. A token that is shown must be right, even where none is needed.

        Raises:
            UnauthenticatedError: the token is none of ours, or there is neither token nor certificate and one is needed.
        """
        if credentials.authorization:
            return self._by_token(credentials.authorization)
        found = _first(self.certificates, credentials.certificate_names) or self.anonymous
        if found is None:
            raise UnauthenticatedError("this server must know who asks: send the header 'Authorization: Bearer TOKEN'")
        return found

    def _by_token(self, authorization: str) -> Caller:
        token = token_of(authorization)
        if token is None:
            raise UnauthenticatedError("the Authorization header is not of the form 'Bearer TOKEN'")
        given = token_hash(token)
        found: Caller | None = None
        for known, caller in self.tokens.items():  # all are compared, so that the time says nothing about any
            if hmac.compare_digest(known, given):
                found = caller
        if found is None:
            raise UnauthenticatedError("the bearer token is not known here; it may have been replaced")
        return found


def _first(callers: Mapping[str, Caller], names: Iterable[str]) -> Caller | None:
    return next((callers[name] for name in names if name in callers), None)
