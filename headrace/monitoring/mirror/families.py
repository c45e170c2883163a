"""The metric families of the mirror that are read here. A test compares them with what `headrace.mirror` writes."""

from __future__ import annotations

from headrace.monitoring.families import Family

REQUESTS = Family("headrace_mirror_requests_total", "counter", ("kind", "status"))
PAGES = Family("headrace_mirror_pages_total", "counter", ("event",))
PAGE_AGE = Family("headrace_mirror_page_age_seconds", "histogram", ("upstream",))
OLDEST_PAGE = Family("headrace_mirror_oldest_page_seconds", "gauge", ("upstream",))
DOWNLOADS = Family("headrace_mirror_downloads_total", "counter", ("event",))
FETCHED = Family("headrace_mirror_fetched_bytes_total", "counter")
FETCH_TIME = Family("headrace_mirror_fetch_duration_seconds", "histogram")
SENT = Family("headrace_mirror_sent_bytes_total", "counter", ("kind", "source"))
TRANSFERS = Family("headrace_mirror_transfers", "gauge")
WAITING = Family("headrace_mirror_transfers_waiting", "gauge")
OPEN = Family("headrace_mirror_upstream_open", "gauge", ("upstream",))
FAILING = Family("headrace_mirror_upstream_failing_seconds", "gauge", ("upstream",))
STORE = Family("headrace_mirror_store_bytes", "gauge", ("kind",))
STORE_FILES = Family("headrace_mirror_store_files", "gauge")
STORE_LIMIT = Family("headrace_mirror_store_limit_bytes", "gauge")
DISK = Family("headrace_mirror_disk_bytes", "gauge")
DISK_FREE = Family("headrace_mirror_disk_free_bytes", "gauge")
CHECKED = Family("headrace_mirror_fsck_timestamp_seconds", "gauge")
DAMAGED = Family("headrace_mirror_fsck_damaged_files", "gauge")
CERTIFICATE = Family("headrace_mirror_certificate_expiry_timestamp_seconds", "gauge")
INFO = Family("headrace_mirror_info", "gauge", ("version",))
STARTED = Family("headrace_mirror_start_time_seconds", "gauge")

REFUSALS = Family("headrace_mirror_refusals_total", "counter", ("rule",))
POLICY_OUTDATED = Family("headrace_mirror_policy_outdated", "gauge")
AUDIT_FAILURES = Family("headrace_mirror_audit_write_failures_total", "counter")
ADVISORIES_AGE = Family("headrace_mirror_advisories_age_seconds", "gauge")
