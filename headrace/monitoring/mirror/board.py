"""The mirror's dashboard."""

from __future__ import annotations

from headrace.monitoring.dashboards.panels import Dashboard, Panel, Query, Row, Variable
from headrace.monitoring.families import SCRAPED
from headrace.monitoring.mirror.families import (
    CERTIFICATE,
    CHECKED,
    DAMAGED,
    DISK,
    DISK_FREE,
    DOWNLOADS,
    FAILING,
    FETCH_TIME,
    FETCHED,
    INFO,
    OLDEST_PAGE,
    OPEN,
    PAGE_AGE,
    PAGES,
    REFUSALS,
    REQUESTS,
    SENT,
    STARTED,
    STORE,
    STORE_FILES,
    STORE_LIMIT,
    TRANSFERS,
    WAITING,
)
from headrace.monitoring.promql import Scope, share

_CHOSEN = Scope({"job": '=~"$job"', "instance": '=~"$instance"'}, "$__rate_interval")
_DIRECT = 'event=~"hit|stale_while_revalidate"'
_ASKED = 'event=~"hit|miss|stale_while_revalidate|stale_if_error"'
_FAULTS = 'status=~"5.."'


def mirror() -> Dashboard:
    """The dashboard of the mirrors that a job names."""
    return Dashboard(
        "headrace-mirror",
        "Headrace: mirror",
        "What the package mirror is asked, what it has, and how its upstreams do.",
        (_now(), _requests(), _pages(), _files(), _upstreams(), _store()),
        (Variable("job", "Job", INFO.name, "job"), Variable("instance", "Mirror", INFO.name, "instance")),
    )


def _stat(title: str, description: str, unit: str, query: str) -> Panel:
    return Panel(title, description, unit, (Query(query),), "stat", 4)


def _now() -> Row:
    answered, failed = _CHOSEN.rate(REQUESTS, []), _CHOSEN.rate(REQUESTS, [], _FAULTS)
    free = f"min ({_CHOSEN.select(DISK_FREE)} / {_CHOSEN.select(DISK)})"
    return Row(
        "Now",
        (
            _stat("Requests", "Requests a second.", "reqps", answered),
            _stat("Failed", "Share that the mirror or its upstream failed to answer.", "percentunit", share(failed, answered, [])),
            _stat("Oldest page", "The oldest page given out in ten minutes.", "s", f"max ({_CHOSEN.select(OLDEST_PAGE)})"),
            _stat("Left alone", "Upstreams that failed, and are not asked for a while.", "none", _CHOSEN.total(OPEN, [])),
            _stat("Disk free", "Of the store's file system, where it is least.", "percentunit", free),
            _stat("Mirrors", "That Prometheus can read.", "none", _CHOSEN.total(SCRAPED, [])),
        ),
    )


def _requests() -> Row:
    by = ["kind", "status"]
    return Row(
        "Requests",
        (
            Panel("By kind", "A second.", "reqps", (Query(_CHOSEN.rate(REQUESTS, ["kind"]), "{{kind}}"),), stacked=True),
            Panel("By status", "A second.", "reqps", (Query(_CHOSEN.rate(REQUESTS, by), "{{kind}} {{status}}"),)),
            Panel("Refused", "Files a second, by rule.", "reqps", (Query(_CHOSEN.rate(REFUSALS, ["rule"]), "{{rule}}"),)),
        ),
    )


def _pages() -> Row:
    direct = share(_CHOSEN.rate(PAGES, [], _DIRECT), _CHOSEN.rate(PAGES, [], _ASKED), [])
    age, upstream = "{{upstream}}", ["upstream"]
    return Row(
        "Pages",
        (
            Panel("At hand", "Share of pages given out without waiting for upstream.", "percentunit", (Query(direct),), top=1.0),
            Panel("Events", "A second.", "ops", (Query(_CHOSEN.rate(PAGES, ["event"]), "{{event}}"),)),
            Panel("Age, p99", "99 % were younger.", "s", (Query(_CHOSEN.quantile(0.99, PAGE_AGE, upstream), age),)),
        ),
    )


def _files() -> Row:
    kept = share(_CHOSEN.rate(SENT, [], 'source="store"'), _CHOSEN.rate(SENT, []), [])
    transfers = (Query(_CHOSEN.total(TRANSFERS, []), "on their way"), Query(_CHOSEN.total(WAITING, []), "not begun"))
    times = (Query(_CHOSEN.quantile(0.5, FETCH_TIME, []), "p50"), Query(_CHOSEN.quantile(0.99, FETCH_TIME, []), "p99"))
    given = Query(_CHOSEN.rate(SENT, ["kind", "source"]), "{{kind}} {{source}}")
    return Row(
        "Files",
        (
            Panel("From the store", "Share of the bytes given out.", "percentunit", (Query(kept),), top=1.0),
            Panel(
                "Given out",
                "Bytes a second.",
                "Bps",
                (given,),
                stacked=True,
            ),
            Panel("Fetched", "Bytes a second of files that came whole.", "Bps", (Query(_CHOSEN.rate(FETCHED, [])),)),
            Panel("Transfers", "Files on their way from upstream.", "none", transfers),
            Panel("Time of a fetch", "From its begin until the file is in the store.", "s", times),
            Panel("Events", "Transfers a second.", "ops", (Query(_CHOSEN.rate(DOWNLOADS, ["event"]), "{{event}}"),)),
        ),
    )


def _upstreams() -> Row:
    by, named = ["instance", "upstream"], "{{instance}} {{upstream}}"
    return Row(
        "Upstreams",
        (
            Panel("Fails since", "0 while it answers.", "s", (Query(_CHOSEN.total(FAILING, by), named),)),
            Panel("Left alone", "1 while it is not asked.", "none", (Query(_CHOSEN.total(OPEN, by), named),), top=1.0),
            Panel("Oldest page", "Given out in ten minutes.", "s", (Query(_CHOSEN.total(OLDEST_PAGE, by), named),)),
        ),
    )


def _store() -> Row:
    instance, here = ["instance"], "{{instance}}"
    sizes = (
        Query(_CHOSEN.total(STORE, ["instance", "kind"]), "{{instance}} {{kind}}"),
        Query(_CHOSEN.total(STORE_LIMIT, instance), "{{instance}} at most"),
    )
    ends = f"{_CHOSEN.total(CERTIFICATE, instance)} - time()"
    return Row(
        "Store",
        (
            Panel("Size", "Pinned files never make room for others.", "bytes", sizes),
            Panel("Files", "In the store.", "none", (Query(_CHOSEN.total(STORE_FILES, instance), here),)),
            Panel("Disk free", "Of the store's file system.", "bytes", (Query(_CHOSEN.total(DISK_FREE, instance), here),)),
            Panel("Damaged", "Files that the last check left.", "none", (Query(_CHOSEN.total(DAMAGED, instance), here),), width=6),
            Panel("Checked", "Since the last check.", "s", (Query(f"time() - {_CHOSEN.total(CHECKED, instance)}", here),), width=6),
            Panel("Certificate", "Until it ends.", "s", (Query(ends, here),), width=6),
            Panel("Up", "Since the start.", "s", (Query(f"time() - {_CHOSEN.total(STARTED, instance)}", here),), width=6),
        ),
    )
