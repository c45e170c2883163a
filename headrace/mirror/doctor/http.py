"""Requests with nothing but Python, so that what is wrong can be told."""

from __future__ import annotations

import base64
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

_MAX_BYTES = 64 << 20


class AskError(Exception):
    """There was no answer; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, headers by lower-case name, body, and how long it took in seconds."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    seconds: float


def ask(url: str, timeout: float, headers: Mapping[str, str] | None = None) -> Answer:
    """Asks for a URL, by the proxy that the environment names.

    Raises:
        AskError: there is no answer, or one of more than 64 MiB.
    """
    parts = urlsplit(url)
    sent = {"User-Agent": "headrace-mirror-doctor", **(headers or {})}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        sent["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    request = urllib.request.Request(url, headers=sent)
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:  # the caller has checked the scheme
            body = response.read(_MAX_BYTES + 1)
            if len(body) > _MAX_BYTES:
                raise AskError(f"{url} sends more than {_MAX_BYTES} bytes")
            found = {key.lower(): value for key, value in response.headers.items()}
            return Answer(response.status, response.reason, found, body, time.monotonic() - begun)
    except urllib.error.HTTPError as error:
        with error:
            found = {key.lower(): value for key, value in error.headers.items()}
            return Answer(error.code, error.reason, found, error.read(4096), time.monotonic() - begun)
    except (OSError, ValueError) as error:
        raise AskError(told(error)) from None


def told(error: BaseException) -> str:
    """What an error of the network means."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return f"it does not speak TLS as expected: {cause.reason or cause}"
    if isinstance(cause, socket.gaierror):
        return f"its name is not known: {cause.strerror}"
    if isinstance(cause, TimeoutError):
        return "it does not answer in time"
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__)
