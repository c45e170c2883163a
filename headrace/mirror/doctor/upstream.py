"""Looks at the way to an upstream, step by step: name, connection, TLS, answer, what it offers."""

from __future__ import annotations

import json
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from headrace.mirror.doctor.findings import Finding, failed, ok, skipped, warning
from headrace.mirror.doctor.http import Answer, AskError, ask, told
from headrace.mirror.index.page import HTML_TYPE, JSON_TYPE
from headrace.mirror.upstream.wording import shown

_MOST_SKEW_SECONDS = 300.0
_ACCEPT = f"{JSON_TYPE}, {HTML_TYPE};q=0.2, text/html;q=0.1"


@dataclass(frozen=True, slots=True)
class Way:
    """The way to one upstream.

    Attributes:
        name: of the upstream.
        url: of its Simple API.
        project: that it is asked for.
        timeout: in seconds, of each step.
        clock: seconds since 1970.
    """

    name: str
    url: str
    project: str
    timeout: float
    clock: Callable[[], float] = time.time

    def look(self) -> Iterator[Finding]:
        """What is found; after the first failure the rest is skipped."""
        proxy = self._proxy()
        if proxy:
            yield ok(self._about("proxy"), f"is asked by way of {shown(proxy)}")
        if not proxy:
            for about, step in (("name", self._resolve), ("connection", self._connect), ("TLS", self._handshake)):
                found = step(self._about(about))
                if found is not None:
                    yield found
                    if found.state == "failed":
                        yield skipped(self._about("answer"), f"its {about} does not work")
                        return
        yield from self._answer()

    def _about(self, what: str) -> str:
        return f"upstream {self.name}: {what}"

    def _proxy(self) -> str:
        parts = urlsplit(self.url)
        if urllib.request.proxy_bypass(parts.hostname or ""):
            return ""
        return urllib.request.getproxies().get(parts.scheme, "")

    def _place(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def _resolve(self, about: str) -> Finding:
        host, port = self._place()
        try:
            found = {entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except OSError as error:
            remedy = "look at /etc/resolv.conf and at the spelling of --upstream; behind a proxy set HTTPS_PROXY"
            return failed(about, f"{host} is not known: {error.strerror}", remedy)
        return ok(about, f"{host} is {', '.join(sorted(map(str, found))[:4])}")

    def _connect(self, about: str) -> Finding:
        host, port = self._place()
        try:
            socket.create_connection((host, port), timeout=self.timeout).close()
        except OSError as error:
            remedy = "open the firewall to it, or set HTTPS_PROXY to the proxy of this network"
            return failed(about, f"{host}:{port} cannot be reached: {told(error)}", remedy)
        return ok(about, f"{host}:{port} is open")

    def _handshake(self, about: str) -> Finding | None:
        if urlsplit(self.url).scheme != "https":
            return None
        host, port = self._place()
        try:
            with (
                socket.create_connection((host, port), timeout=self.timeout) as plain,
                ssl.create_default_context().wrap_socket(plain, server_hostname=host) as secure,
            ):
                return ok(about, f"{secure.version()}, a certificate that is trusted")
        except ssl.SSLCertVerificationError as error:
            remedy = "put the authority that signed it into the file that SSL_CERT_FILE names; look at the clock too"
            return failed(about, f"the certificate of {host} is refused: {error.verify_message}", remedy)
        except OSError as error:
            return failed(about, f"{host}:{port}: {told(error)}", "does the port of --upstream speak TLS? Is something in between?")

    def _answer(self) -> Iterator[Finding]:
        about = self._about("answer")
        url = urljoin(self.url if self.url.endswith("/") else f"{self.url}/", f"{self.project}/")
        try:
            answer = ask(url, self.timeout, {"Accept": _ACCEPT})
        except AskError as error:
            yield failed(about, f"{shown(url)}: {error}", "look at the proxy, if there is one, and at the log of upstream")
            return
        yield self._status(about, shown(url), answer)
        yield from self._clock(answer)
        if answer.status == 200:
            yield self._form(answer)

    def _status(self, about: str, url: str, answer: Answer) -> Finding:
        said = f"{url} answers {answer.status} in {answer.seconds:.2f} s"
        if answer.status == 200:
            return ok(about, said)
        if answer.status in (401, 403):
            return failed(about, said, "give user and password in the URL of --upstream, or let upstream allow this machine")
        if answer.status == 407:
            return failed(about, said, "give user and password in the URL of HTTPS_PROXY")
        if answer.status == 404:
            return warning(
                about, said, "is --upstream the URL of a Simple API? If it only lacks this project, name another: --project"
            )
        return failed(about, said, "upstream is in trouble: what is kept is given out meanwhile")

    def _clock(self, answer: Answer) -> Iterator[Finding]:
        try:
            there = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except ValueError:
            return
        skew = self.clock() - there
        if abs(skew) > _MOST_SKEW_SECONDS:
            said = f"is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} that of upstream {self.name}"
            yield failed(
                "clock", said, "let this machine keep time (chrony, systemd-timesyncd): ages of files and certificates rest on it"
            )
        else:
            yield ok("clock", f"is within {abs(skew):.0f} s of that of upstream {self.name}")

    def _form(self, answer: Answer) -> Finding:
        about = self._about("JSON API")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if "json" not in kind:
            remedy = "a policy with a cooldown refuses all its files; take an upstream with the JSON API (PEP 691, 700) if you can"
            return warning(about, f"it gives pages as {kind or 'nothing that it names'}: without sizes and upload times", remedy)
        try:
            files = json.loads(answer.body)["files"]
            lacking = [name for name in ("size", "upload-time") if any(name not in file for file in files)]
            unsafe = sum("sha256" not in file["hashes"] for file in files)
        except (ValueError, KeyError, TypeError):
            return failed(about, "its page is no page of PEP 691", "is --upstream the URL of a Simple API?")
        if lacking or unsafe:
            said = f"files lack {', '.join(lacking) or 'a sha256'}" + (
                f"; {unsafe} have no sha256, and are not listed" if unsafe else ""
            )
            return warning(about, said, "a cooldown needs upload times; files without a sha256 cannot be verified")
        return ok(about, f"{len(files)} files with sizes, upload times and sha256")
