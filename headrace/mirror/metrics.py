"""What the mirror measures, in Prometheus' text format."""

from __future__ import annotations

import time
from collections.abc import Sequence

from headrace.core.exposition import Counter, Family, Gauge, Histogram, Labels, render
from headrace.mirror.status.ages import RecentAges
from headrace.mirror.status.state import State

_AGE_BOUNDS = [0.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 6 * 3600.0, 24 * 3600.0, 7 * 24 * 3600.0]
_SECOND_BOUNDS = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0]
_PAGE_EVENTS = (
    "hit",
    "miss",
    "stale_while_revalidate",
    "stale_if_error",
    "upstream_error",
    "serial_went_back",
    "file_changed",
    "not_kept",
)
_DOWNLOAD_EVENTS = ("fetched", "resumed", "parallel", "failed", "wrong_digest", "damaged", "not_kept")


class MirrorMetrics:
    """The mirror's metric families and the events that feed them.

    Args:
        version: of Headrace.

    Attributes:
        ages: of the pages that were given out a short while ago.
        started: in seconds since 1970.
    """

    def __init__(self, version: str = "") -> None:
        self._requests = Counter("headrace_mirror_requests_total", "Answers by kind of request.", ["kind", "status"])
        self._pages = Counter("headrace_mirror_pages_total", "What became of asks for pages.", ["event"])
        self._models = Counter("headrace_mirror_models_total", "What became of asks for models' revisions.", ["protocol", "event"])
        self._downloads = Counter("headrace_mirror_downloads_total", "What became of transfers from upstream.", ["event"])
        self._bytes = Counter("headrace_mirror_fetched_bytes_total", "Bytes of files fetched from upstream.")
        self._age = Histogram("headrace_mirror_page_age_seconds", "Age of the pages given out.", ["upstream"], _AGE_BOUNDS)
        self._coming = Gauge("headrace_mirror_transfers", "Files on their way from upstream.")
        self._store = Gauge("headrace_mirror_store_bytes", "Bytes of the files in the store.", ["kind"])
        self._files = Gauge("headrace_mirror_store_files", "Files in the store.")
        self._open = Gauge("headrace_mirror_upstream_open", "1 while an upstream that failed is not asked.", ["upstream"])
        self._failing = Gauge("headrace_mirror_upstream_failing_seconds", "Since when an upstream fails; 0 if not.", ["upstream"])
        self._oldest = Gauge("headrace_mirror_oldest_page_seconds", "The oldest page given out in ten minutes.", ["upstream"])
        self._waiting = Gauge("headrace_mirror_transfers_waiting", "Files that upstream has not begun to send.")
        self._fetch = Histogram("headrace_mirror_fetch_duration_seconds", "How long files took to come.", [], _SECOND_BOUNDS)
        self._sent = Counter("headrace_mirror_sent_bytes_total", "Bytes of files given out.", ["kind", "source"])
        self._limit = Gauge("headrace_mirror_store_limit_bytes", "Above it what was used longest ago makes room.")
        self._free = Gauge("headrace_mirror_disk_free_bytes", "Left on the store's file system.")
        self._disk = Gauge("headrace_mirror_disk_bytes", "Size of the store's file system.")
        self._checked = Gauge("headrace_mirror_fsck_timestamp_seconds", "When the last check of the store ended; 0 without one.")
        self._damaged = Gauge("headrace_mirror_fsck_damaged_files", "Damaged files that the last check left in the store.")
        self._ends = Gauge("headrace_mirror_certificate_expiry_timestamp_seconds", "When the mirror's certificate ends.")
        self._info = Gauge("headrace_mirror_info", "Always 1; which version runs.", ["version"])
        self._started = Gauge("headrace_mirror_start_time_seconds", "When the mirror started.")
        self.ages = RecentAges()
        self.version = version
        self.started = time.time()
        for event in _PAGE_EVENTS:
            self._pages.add((event,), 0)  # a series that is there from the start shows its first event as a rise
        for event in _DOWNLOAD_EVENTS:
            self._downloads.add((event,), 0)
        for source in ("store", "upstream"):
            self._sent.add(("file", source), 0)
        self._bytes.add((), 0)

    def families(self) -> Sequence[Family]:
        """All of them."""
        return [each for each in vars(self).values() if isinstance(each, Family)]

    def answered(self, kind: str, status: int) -> None:
        """A request was answered; `kind` is such as "page"."""
        self._requests.add((kind, str(status)))

    def page(self, event: str) -> None:
        """Something happened to a page, such as a "hit"."""
        self._pages.add((event,))

    def model(self, protocol: str, event: str) -> None:
        """Something happened to a model's revision, such as a "hit"."""
        self._models.add((protocol, event))

    def given(self, upstream: str, age: float) -> None:
        """A page of this age, in seconds, was given out."""
        self._age.observe((upstream,), age)
        self.ages.note(upstream, age)

    def download(self, event: str) -> None:
        """Something happened to a transfer, such as "fetched"."""
        self._downloads.add((event,))

    def fetched(self, size: int, seconds: float) -> None:
        """A file of so many bytes is in the store now, after so many seconds."""
        self.download("fetched")
        self._bytes.add((), size)
        self._fetch.observe((), seconds)

    def sent(self, kind: str, source: str, size: int) -> None:
        """So many bytes are given out by a part of the mirror, such as "file", from the "store" or as they come from "upstream"."""
        self._sent.add((kind, source), size)

    def counts(self) -> dict[str, dict[str, float]]:
        """What was counted since the start: by kind and status of requests, by event, and by kind and source of bytes."""
        found = {"requests": self._requests, "pages": self._pages, "downloads": self._downloads, "sent": self._sent}
        return {name: {" ".join(labels): value for labels, value in family.values().items()} for name, family in found.items()}

    def text(self, state: State) -> str:
        """The page that Prometheus reads, of a mirror in this state."""
        self._coming.replace({(): float(len(state.transfers))})
        self._waiting.replace({(): float(sum(each.waiting for each in state.transfers))})
        self._store.replace({("all",): float(state.usage.bytes), ("pinned",): float(state.usage.pinned_bytes)})
        self._files.replace({(): float(state.usage.files)})
        self._limit.replace({(): float(state.limit_bytes)})
        self._free.replace({(): float(state.disk_free)})
        self._disk.replace({(): float(state.disk_total)})
        self._open.replace({(each.name,): float(each.is_open) for each in state.upstreams})
        self._failing.replace({(each.name,): each.failing_seconds for each in state.upstreams})
        oldest = self.ages.oldest()
        self._oldest.replace({(each.name,): oldest.get(each.name, 0.0) for each in state.upstreams})
        check = state.check
        self._checked.replace({(): check.ended if check is not None else 0.0})
        self._damaged.replace({(): float(check.left) if check is not None else 0.0})
        ends: dict[Labels, float] = {} if state.certificate_ends is None else {(): state.certificate_ends}
        self._ends.replace(ends)
        self._info.replace({(self.version,): 1.0})
        self._started.replace({(): self.started})
        return render(self.families())
