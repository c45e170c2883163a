"""Looks at a mirror that runs, as a client sees it: an answer, a page, a file that is what it should be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from headrace.mirror.clients.tools import Mirror
from headrace.mirror.doctor.findings import Finding, failed, ok, skipped, warning
from headrace.mirror.doctor.http import Answer, AskError, ask
from headrace.mirror.index.page import JSON_TYPE, sha256_of

_MOST_AGE_SECONDS = 6 * 3600.0
_MOST_FILE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit to a mirror.

    Attributes:
        mirror: where it answers.
        project: that is asked for.
        timeout: in seconds.
    """

    mirror: Mirror
    project: str
    timeout: float

    def look(self) -> Iterator[Finding]:
        """What is found; after the first failure the rest is skipped."""
        alive = self._alive()
        yield alive
        if alive.state == "failed":
            for about in ("page", "file", "freshness"):
                yield skipped(f"mirror: {about}", "the mirror does not answer")
            return
        page = yield from self._page()
        if page is None:
            yield skipped("mirror: file", "there is no page")
            return
        yield self._file(page)

    def _alive(self) -> Finding:
        about = "mirror"
        try:
            answer = ask(f"{self.mirror.base}/livez", self.timeout)
        except AskError as error:
            remedy = "start it: headrace mirror serve; name it with --url if it listens elsewhere"
            if "certificate" in str(error):
                remedy = "put the authority of its certificate into the file that SSL_CERT_FILE names"
            return failed(about, f"{self.mirror.base}: {error}", remedy)
        if answer.status != 200 or b'"live"' not in answer.body:
            return failed(
                about, f"{self.mirror.base} answers, but is no mirror (status {answer.status})", "give --url, that of the mirror"
            )
        ready = self._ready()
        return ready if ready is not None else ok(about, f"{self.mirror.base} answers")

    def _ready(self) -> Finding | None:
        try:
            answer = ask(f"{self.mirror.base}/readyz", self.timeout)
            reason = str(json.loads(answer.body).get("reason", "")) if answer.status == 503 else ""
        except (AskError, ValueError):
            return None
        return warning("mirror", f"it is not ready: {reason}", "look at its log, and at its folder") if reason else None

    def _page(self) -> Any:
        """Yields what is found of the page, and returns it."""
        url = f"{self.mirror.index}{self.project}/"
        try:
            answer = ask(url, self.timeout, {"Accept": JSON_TYPE})
            document = json.loads(answer.body) if answer.status == 200 else None
        except (AskError, ValueError) as error:
            yield failed("mirror: page", f"{url}: {error}", "look at the mirror's log")
            return None
        if document is None:
            yield self._refused("mirror: page", url, answer)
            return None
        yield ok("mirror: page", f"{url} has {len(document['files'])} files")
        age = float(answer.headers.get("x-headrace-staleness", "0"))
        if age > _MOST_AGE_SECONDS:
            remedy = "the mirror does not get newer pages: look at what is said of upstream, and at its log"
            yield failed("mirror: freshness", f"the page is {age / 3600:.1f} hours old", remedy)
        else:
            yield ok("mirror: freshness", f"the page is {age:.0f} s old")
        return document

    def _refused(self, about: str, what: str, answer: Answer) -> Finding:
        said = f"{what} answers {answer.status}: {answer.body.decode(errors='replace').strip()[:300]}"
        remedies = {
            401: "this project needs a token; name another one with --project",
            403: "the policy does not give it out; name another one with --project",
            404: "no upstream has this project; name another one with --project",
        }
        return failed(about, said, remedies.get(answer.status, "look at what is said of upstream, and at the mirror's log"))

    def _file(self, page: dict[str, Any]) -> Finding:
        about = "mirror: file"
        fit = [
            file
            for file in page["files"]
            if sha256_of(file) and isinstance(file.get("size"), int) and file["size"] <= _MOST_FILE_BYTES and not file.get("yanked")
        ]
        if not fit:
            return warning(about, f"{self.project} has no small file with a sha256", "name another project with --project")
        file = min(fit, key=lambda each: int(each["size"]))
        url = urljoin(f"{self.mirror.index}{self.project}/", file["url"])
        if urlsplit(url)[:2] != urlsplit(self.mirror.base)[:2]:
            return failed(
                about,
                f"the page names {urlsplit(url).netloc} for its files",
                "give the mirror its --url, and let the proxy keep it",
            )
        try:
            answer = ask(url, self.timeout)
        except AskError as error:
            return failed(about, f"{file['filename']}: {error}", "look at the mirror's log")
        if answer.status != 200:
            return self._refused(about, file["filename"], answer)
        if hashlib.sha256(answer.body).hexdigest() != sha256_of(file):
            remedy = "something between here and the mirror changes files: a proxy, or a virus scanner"
            return failed(about, f"{file['filename']} is not what the page says", remedy)
        return ok(about, f"{file['filename']}, {len(answer.body)} bytes, is what the page says")
