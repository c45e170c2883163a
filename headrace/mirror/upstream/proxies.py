"""The proxies of the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, and NO_PROXY for hosts that are asked directly."""

from __future__ import annotations

import urllib.request

from yarl import URL

from headrace.core.errors import InvalidArgumentError


class Proxies:
    """Which proxy a URL is asked through. The environment is read once.

    Raises:
        InvalidArgumentError: a proxy is none of HTTP.
    """

    def __init__(self) -> None:
        self._found = urllib.request.getproxies_environment()
        self.hosts = frozenset(_proxy(name, self._found[name]).host for name in ("http", "https", "all") if name in self._found)

    def of(self, url: URL) -> URL | None:
        """The proxy for a URL; None where it is asked directly."""
        text = self._found.get(url.scheme) or self._found.get("all")
        host = f"[{url.host}]" if ":" in (url.host or "") else url.host
        if not text or urllib.request.proxy_bypass(f"{host}:{url.port}", self._found):
            return None
        return _proxy(url.scheme, text)


def _proxy(name: str, text: str) -> URL:
    try:
        found = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        found = URL()
    if found.scheme not in ("http", "https") or not found.host:
        raise InvalidArgumentError(
            f"the environment's {name.upper()}_PROXY is no URL of an HTTP proxy, such as http://127.0.0.1:3128"
        )
    return found
