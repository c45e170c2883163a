"""What the mirror measures, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.core.exposition import Counter, Gauge, Histogram, render
from headrace.store.index import Usage

_AGE_BOUNDS = [0.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 6 * 3600.0, 24 * 3600.0, 7 * 24 * 3600.0]


class MirrorMetrics:
    """The mirror's metric families and the events that feed them."""

    def __init__(self) -> None:
        self._requests = Counter("headrace_mirror_requests_total", "Answers by kind of request.", ["kind", "status"])
        self._pages = Counter("headrace_mirror_pages_total", "What became of asks for pages.", ["event"])
        self._downloads = Counter("headrace_mirror_downloads_total", "What became of transfers from upstream.", ["event"])
        self._bytes = Counter("headrace_mirror_fetched_bytes_total", "Bytes of files fetched from upstream.")
        self._age = Histogram("headrace_mirror_page_age_seconds", "Age of the pages given out.", ["upstream"], _AGE_BOUNDS)
        self._coming = Gauge("headrace_mirror_transfers", "Files on their way from upstream.")
        self._store = Gauge("headrace_mirror_store_bytes", "Bytes of the files in the store.", ["kind"])
        self._files = Gauge("headrace_mirror_store_files", "Files in the store.")
        self._open = Gauge("headrace_mirror_upstream_open", "1 while an upstream that failed is not asked.", ["upstream"])

    def answered(self, kind: str, status: int) -> None:
        """A request was answered; `kind` is such as "page"."""
        self._requests.add((kind, str(status)))

    def page(self, event: str) -> None:
        """Something happened to a page, such as a "hit"."""
        self._pages.add((event,))

    def given(self, upstream: str, age: float) -> None:
        """A page of this age, in seconds, was given out."""
        self._age.observe((upstream,), age)

    def download(self, event: str) -> None:
        """Something happened to a transfer, such as "fetched"."""
        self._downloads.add((event,))

    def fetched(self, size: int) -> None:
        """A file of so many bytes is in the store now."""
        self.download("fetched")
        self._bytes.add((), size)

    def text(self, usage: Usage, coming: int, left_alone: Mapping[str, bool]) -> str:
        """The page that Prometheus reads.

        Args:
            usage: of the store.
            coming: transfers at work.
            left_alone: the upstreams, and whether each is not asked for a while.
        """
        self._coming.replace({(): float(coming)})
        self._store.replace({("all",): float(usage.bytes), ("pinned",): float(usage.pinned_bytes)})
        self._files.replace({(): float(usage.files)})
        self._open.replace({(name,): float(value) for name, value in left_alone.items()})
        return render(list(vars(self).values()))
