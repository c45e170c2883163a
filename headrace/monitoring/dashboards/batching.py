"""How well requests share runs, and how often an answer is at hand."""

from __future__ import annotations

from headrace.monitoring.dashboards.panels import SELECTED, Dashboard, Panel, Query, Row
from headrace.monitoring.families import (
    BATCH_DROPPED,
    BATCH_PADDING,
    BATCH_REQUESTS,
    BATCH_RETRIES,
    BATCH_ROWS,
    BATCH_WAIT,
    CACHE_BYTES,
    CACHE_LOOKUPS,
)
from headrace.monitoring.promql import share

_SIGNATURE = ["model", "version", "signature"]
_NAMED = "{{model}} {{version}} {{signature}}"


def batching() -> Dashboard:
    """The dashboard of batching and of the response cache."""
    return Dashboard(
        "headrace-batching",
        "Headrace: batching and cache",
        "How requests share runs, and which answers are kept.",
        (_batches(), _waits(), _cache()),
    )


def _batches() -> Row:
    padding = SELECTED.rate(BATCH_PADDING, _SIGNATURE)
    rows = SELECTED.rate(BATCH_ROWS, _SIGNATURE, suffix="_sum")
    return Row(
        "Batches",
        (
            Panel("Batches", "Runs a second.", "ops", (Query(SELECTED.rate(BATCH_ROWS, _SIGNATURE, suffix="_count"), _NAMED),)),
            Panel(
                "Rows", "Mean rows of a batch, padding left out.", "none", (Query(SELECTED.mean(BATCH_ROWS, _SIGNATURE), _NAMED),)
            ),
            Panel(
                "Requests",
                "Mean requests of a batch: 1 is no gain.",
                "none",
                (Query(SELECTED.mean(BATCH_REQUESTS, _SIGNATURE), _NAMED),),
            ),
            Panel(
                "Rows, p90",
                "90 % of the batches are smaller.",
                "none",
                (Query(SELECTED.quantile(0.9, BATCH_ROWS, _SIGNATURE), _NAMED),),
            ),
            Panel(
                "Padding",
                "Padded rows for each row of a request. Where it is high, allow other batch sizes.",
                "percentunit",
                (Query(share(padding, rows, _SIGNATURE), _NAMED),),
            ),
            Panel(
                "Retries",
                "Batches a second that failed and were run one by one.",
                "ops",
                (Query(SELECTED.rate(BATCH_RETRIES, _SIGNATURE), _NAMED),),
            ),
        ),
    )


def _waits() -> Row:
    return Row(
        "Wait for a batch",
        (
            Panel("Wait, p50", "Half wait less.", "s", (Query(SELECTED.quantile(0.5, BATCH_WAIT, _SIGNATURE), _NAMED),)),
            Panel("Wait, p99", "99 % wait less.", "s", (Query(SELECTED.quantile(0.99, BATCH_WAIT, _SIGNATURE), _NAMED),)),
            Panel(
                "Dropped",
                "Requests a second that were not run: the queue was full, or their time was over.",
                "reqps",
                (Query(SELECTED.rate(BATCH_DROPPED, ["model", "version", "reason"]), "{{model}} {{version}} {{reason}}"),),
            ),
        ),
    )


def _cache() -> Row:
    lookups = SELECTED.rate(CACHE_LOOKUPS, ["model", "signature"])
    hits = SELECTED.rate(CACHE_LOOKUPS, ["model", "signature"], 'result="hit"')
    return Row(
        "Response cache",
        (
            Panel(
                "Hits",
                "Share of lookups.",
                "percentunit",
                (Query(share(hits, lookups, ["model", "signature"]), "{{model}} {{signature}}"),),
                top=1.0,
            ),
            Panel(
                "Lookups",
                "A second, by result.",
                "reqps",
                (Query(SELECTED.rate(CACHE_LOOKUPS, ["result"]), "{{result}}"),),
                stacked=True,
            ),
            Panel(
                "Kept", "What the kept answers take.", "bytes", (Query(SELECTED.total(CACHE_BYTES, ["instance"]), "{{instance}}"),)
            ),
        ),
    )
