"""What the environment says about models: where they are kept, where they come from, and what bounds their transfer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from headrace.core.errors import InvalidArgumentError

_TRUE = ("1", "true", "yes", "on")
_FALSE = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Settings:
    """How models are fetched.

    Attributes:
        cache: the folder that they are kept in.
        url: of the registry that names without a URL mean; "" for none.
        token: for that registry; "" for none.
        offline: nothing is asked for over the network.
        timeout_seconds: between two parts of an answer.
        max_bytes: of one model, as files.
        tries: of a transfer that gets no further.
        hugging_face: the URL that repositories of Hugging Face's protocol are asked for at; "" for none.
    """

    cache: Path
    url: str = ""
    token: str = ""
    offline: bool = False
    timeout_seconds: float = 30.0
    max_bytes: int = 256 << 30
    tries: int = 5
    hugging_face: str = ""


def of_environment(variables: Mapping[str, str] = os.environ) -> Settings:
    """The settings that the variables HEADRACE_HUB_... make, TFHUB_CACHE_DIR where HEADRACE_HUB_CACHE is not set, and
    HF_ENDPOINT.

    Raises:
        InvalidArgumentError: one of them cannot be understood.
    """
    home = variables.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = variables.get("HEADRACE_HUB_CACHE") or variables.get("TFHUB_CACHE_DIR") or Path(home) / "headrace" / "hub"
    url = variables.get("HEADRACE_HUB_URL", "").rstrip("/")
    if url:
        check_url(url, "HEADRACE_HUB_URL")
    hub = variables.get("HF_ENDPOINT", "").rstrip("/")
    return Settings(
        Path(cache),
        url,
        _token(variables),
        _boolean(variables, "HEADRACE_HUB_OFFLINE"),
        _number(variables, "HEADRACE_HUB_TIMEOUT", 30.0),
        int(_number(variables, "HEADRACE_HUB_MAX_GIB", 256.0) * (1 << 30)),
        hugging_face=check_url(hub, "HF_ENDPOINT") if hub else f"{url}/hf" if url else "",
    )


def check_url(url: str, what: str) -> str:
    """`url`, if it is one of a registry.

    Raises:
        InvalidArgumentError: it is not.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username is not None:
        raise InvalidArgumentError(f"{what}={url[:200]!r} is no URL of a registry; expected such as https://models.example")
    return url


def read_token(path: Path) -> str:
    """The token that a file holds.

    Raises:
        InvalidArgumentError: it cannot be read, or holds none.
    """
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"the token cannot be read from {path}: {error}") from None
    if not token or not token.isprintable() or not token.isascii() or " " in token:
        raise InvalidArgumentError(f"{path} holds no token; expected one line without spaces")
    return token


def _token(variables: Mapping[str, str]) -> str:
    path = variables.get("HEADRACE_HUB_TOKEN_FILE", "")
    return read_token(Path(path)) if path else ""


def _boolean(variables: Mapping[str, str], name: str) -> bool:
    text = variables.get(name, "").strip().lower()
    if text not in (*_TRUE, *_FALSE):
        raise InvalidArgumentError(f"{name}={text[:40]!r} is neither yes nor no; expected 1 or 0")
    return text in _TRUE


def _number(variables: Mapping[str, str], name: str, default: float) -> float:
    text = variables.get(name, "")
    try:
        found = float(text) if text else default
    except ValueError:
        found = 0.0
    if not 0 < found < 1e9:
        raise InvalidArgumentError(f"{name}={text[:40]!r} is no number above 0")
    return found
