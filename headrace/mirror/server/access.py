"""Who may do what with private projects."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from headrace.core.errors import OpError, PermissionDeniedError
from headrace.mirror.private.index import PrivateIndex
from headrace.mirror.private.uploaders import Uploader, identify
from headrace.mirror.server.forwarding import Proxies

_EXPOSED = "a token came over plain HTTP, where others can read it, and is not taken; use https, and make another token"


class Access:
    """Looks at the tokens of requests that are about private projects; all others need none.

    Args:
        private: says which projects are private; None when none are.
        uploaders: whose tokens are known.
        protected: private projects, and published models, are read with a token only.
        proxies: tell whether a request came by TLS.
        insecure: takes tokens over plain HTTP from other machines.
    """

    def __init__(
        self,
        private: PrivateIndex | None,
        uploaders: Sequence[Uploader],
        protected: bool = False,
        proxies: Proxies | None = None,
        insecure: bool = False,
    ) -> None:
        self._private = private
        self._uploaders = tuple(uploaders)
        self._protected = protected
        self.proxies = proxies or Proxies()
        self._insecure = insecure

    def file_headers(self, project: str) -> dict[str, str]:
        """Headers of the files of a project beside the usual ones: no shared cache may keep what not everybody may have."""
        return {"Cache-Control": "private, max-age=31536000, immutable"} if self.is_protected(project) else {}

    def check_transport(self, request: web.Request) -> None:
        """Raises PermissionDeniedError for a change that is asked for with a token over plain HTTP from another machine."""
        changes = request.method not in ("GET", "HEAD")
        if changes and "Authorization" in request.headers and not self._insecure and not self.proxies.origin(request).secure:
            raise PermissionDeniedError(_EXPOSED)

    def uploader(self, request: web.Request) -> Uploader:
        """Whose token a request carries.

        Raises:
            UnauthenticatedError: nobody's that is known.
            PermissionDeniedError: it came over plain HTTP from another machine.
        """
        authorization = request.headers.get("Authorization", "")
        if authorization and not self._insecure and not self.proxies.origin(request).secure:
            raise PermissionDeniedError(_EXPOSED)
        return identify(self._uploaders, authorization)

    def name_of(self, request: web.Request) -> str:
        """Whose token a request carries; "" without one that is known."""
        if "Authorization" not in request.headers:
            return ""
        try:
            return self.uploader(request).name
        except OpError:
            return ""

    def is_protected(self, project: str) -> bool:
        """True for a project that is read with a token only."""
        return self._protected and self._private is not None and self._private.owns(project)

    @property
    def has_uploaders(self) -> bool:
        """True when some tokens are known."""
        return bool(self._uploaders)

    @property
    def is_personal(self) -> bool:
        """True when what is listed depends on who asks."""
        return self._protected

    def check_read(self, request: web.Request, project: str) -> None:
        """Raises what `uploader` does, and PermissionDeniedError, where a project is not this caller's to read."""
        if self.is_protected(project):
            self.uploader(request).check(project, "read")

    def check_model(self, request: web.Request, model: str) -> None:
        """Raises what `uploader` does, and PermissionDeniedError, where a published model is not this caller's to read."""
        if self._protected:
            self.uploader(request).check_model(model, "read")

    def check_known(self, request: web.Request) -> None:
        """Raises what `uploader` does, where private names are shown to those only who have a token."""
        if self._protected:
            self.uploader(request)

    def readable(self, request: web.Request, projects: Sequence[str]) -> tuple[str, ...]:
        """Those of some private projects that a caller may know of."""
        if not self._protected:
            return tuple(projects)
        if "Authorization" not in request.headers:
            return ()
        uploader = self.uploader(request)
        return tuple(each for each in projects if uploader.may(each, "read"))
