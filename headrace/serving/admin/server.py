"""The admin port: listens from before the models load until after the last request, on a thread of its own."""

from __future__ import annotations

import logging
import threading

from starlette.types import ASGIApp

from headrace.core.errors import UnavailableError
from headrace.core.log_lines import fields
from headrace.serving.admin.options import AdminOptions
from headrace.serving.rest.connections import ConnectionLimits
from headrace.serving.rest.listening import HttpServer, bound_socket, http_config, url_of

logger = logging.getLogger(__name__)
_START_SECONDS = 30.0
_GRACE_SECONDS = 1.0
_LIMITS = ConnectionLimits(most=256)


class AdminServer:
    """Serves an application on the admin port.

    Args:
        app: the application.
        options: where.

    Raises:
        UnavailableError: the address cannot be listened on.
    """

    def __init__(self, app: ASGIApp, options: AdminOptions) -> None:
        self._listener = bound_socket(options.host, options.port)
        self.url = url_of(self._listener, options.tls is not None)
        """Where it is found."""
        self._listening = threading.Event()
        self._http = HttpServer(http_config(app, options.tls, _LIMITS, _GRACE_SECONDS), self._listening.set)
        self._thread = threading.Thread(target=self._run, name="admin", daemon=True)

    def __enter__(self) -> AdminServer:
        self._thread.start()
        if not self._listening.wait(_START_SECONDS):
            self.__exit__()
            raise UnavailableError(f"the admin API does not listen on {self.url} after {_START_SECONDS:g} s")
        logger.info("listening for administration", extra=fields(url=self.url))
        return self

    def __exit__(self, *_: object) -> None:
        self._http.should_exit = True
        self._thread.join(2 * _GRACE_SECONDS + 1)
        self._listener.close()

    def _run(self) -> None:
        self._http.run(sockets=[self._listener])
