"""What the hub says no with, and how that is told to clients: the code stands in a header, which they go by."""

from __future__ import annotations

from aiohttp import ClientResponse, web

from headrace.core.errors import NotFoundError, OpError, PermissionDeniedError, UnauthenticatedError
from headrace.mirror.upstream.wording import shown

REPOSITORY, REVISION, ENTRY, GATED = "RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo"
CODES = (REPOSITORY, REVISION, ENTRY, GATED)
_MAX_MESSAGE = 400


class HubError(OpError):
    """The hub, or the mirror in its name, says no.

    Args:
        message: for people.
        hub_code: one of CODES, or "".
        commit: of the revision that was asked for, where that is known.
    """

    def __init__(self, message: str, hub_code: str = "", commit: str = "") -> None:
        super().__init__(message)
        self.hub_code = hub_code
        self.commit = commit


class HubNotFoundError(HubError, NotFoundError):
    """There is no such repository, revision or file."""


class HubDeniedError(HubError, PermissionDeniedError):
    """The mirror's token is not good for it, or the hub has closed it."""


class HubUnauthenticatedError(HubError, UnauthenticatedError):
    """The hub wants a token; it says so too of repositories that are not there."""


_CLASSES = {401: HubUnauthenticatedError, 403: HubDeniedError, 404: HubNotFoundError, 410: HubNotFoundError}


def refusal(answer: ClientResponse) -> HubError:
    """The error for an answer of the hub with status 401, 403, 404 or 410."""
    status, code, message = answer.status, answer.headers.get("X-Error-Code", ""), answer.headers.get("X-Error-Message", "")
    if code not in CODES:
        # Clients see that a 401 means a missing repository only in URLs of https, and the mirror's may be of http.
        code = REPOSITORY if status == 401 and "invalid credentials" not in message.lower() else ""
    told = " ".join(message.split())[:_MAX_MESSAGE]
    return _CLASSES[status](f"the hub answers status {status} for {shown(answer.url)}{f': {told}' if told else ''}", code)


def response(error: OpError, status: int) -> web.Response:
    """The answer that tells of an error, as the hub's clients read it."""
    line = " ".join(error.message.split())[:_MAX_MESSAGE].encode("ascii", "replace").decode()
    headers = {"X-Error-Message": line, "Cache-Control": "no-store"}
    if isinstance(error, HubError):
        headers |= {key: value for key, value in (("X-Error-Code", error.hub_code), ("X-Repo-Commit", error.commit)) if value}
    return web.json_response({"error": error.message}, status=status, headers=headers)
