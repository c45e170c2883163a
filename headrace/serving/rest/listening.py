"""HTTP servers on sockets, for REST and for the admin API."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from headrace.core.errors import UnavailableError
from headrace.serving.rest.connections import ConnectionLimits, limited
from headrace.serving.rest.direct.front import Direct
from headrace.serving.tls import Tls, ssl_context

_KEEP_ALIVE_SECONDS = 75


class HttpServer(uvicorn.Server):
    """uvicorn, less its signal handling (which would end the process by the signal it got), plus word when it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to ModelServer."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listens."""
        await super().startup(sockets)
        if self.started:
            self._tell_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends. What is still in progress then is cancelled, also where nobody was to wait for it."""
        await super().shutdown(sockets)
        for task in list(self.server_state.tasks):
            task.cancel()
        await asyncio.sleep(0)


def http_config(
    app: ASGIApp, tls: Tls | None, limits: ConnectionLimits, grace_seconds: float, direct: Direct | None = None
) -> uvicorn.Config:
    """How an application is served.

    Args:
        app: the application.
        tls: None speaks plain text.
        limits: of its connections.
        grace_seconds: for requests in progress at the end.
        direct: answers those requests that it takes in place of the application.
    """
    config = uvicorn.Config(
        app,
        http=limited(limits, direct),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, round(grace_seconds)),
    )
    if tls is not None:
        config.load()
        config.ssl = ssl_context(tls)
    return config


def bound_socket(host: str, port: int, shared: bool = False) -> socket.socket:
    """A socket bound now, so that a port in use shows before models load; it listens only when they are ready.

    Args:
        shared: other processes of this server bind it too (Linux).

    Raises:
        UnavailableError: the address cannot be had.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UnavailableError(f"cannot listen on {host}:{port}: {error.strerror}; choose another address or port") from None
    return listener


def url_of(listener: socket.socket, tls: bool) -> str:
    """Where clients find a socket, such as `http://127.0.0.1:8501`."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
