"""What happens to versions of models, and what the processes take."""

from __future__ import annotations

from headrace.monitoring.dashboards.panels import SELECTED, Dashboard, Panel, Query, Row
from headrace.monitoring.families import (
    INFO,
    LOAD_TIME,
    LOADS,
    MAX_FILES,
    MODEL_AVAILABLE,
    OPEN_FILES,
    PROCESSOR,
    RELOAD_OK,
    RELOADS,
    RESIDENT,
    SCRAPED,
    STARTED,
    VERSION_STATE,
    WARM_UP,
)

_INSTANCE = ["instance"]
_HERE = "{{instance}}"


def models() -> Dashboard:
    """The dashboard of models and processes."""
    return Dashboard(
        "headrace-models",
        "Headrace: models and processes",
        "States and loads of versions, reloads of the configuration, and what the servers take.",
        (_states(), _loads(), _configuration(), _processes()),
    )


def _states() -> Row:
    counts = f"count by (model, version, state) ({SELECTED.select(VERSION_STATE)})"
    return Row(
        "Versions",
        (
            Panel(
                "Available",
                "1 where every server has an AVAILABLE version.",
                "none",
                (Query(f"min by (model) ({SELECTED.select(MODEL_AVAILABLE)})", "{{model}}"),),
                "stat",
            ),
            Panel(
                "States",
                "Servers that have the version in the state.",
                "none",
                (Query(counts, "{{model}} {{version}} {{state}}"),),
                width=16,
            ),
        ),
    )


def _loads() -> Row:
    tries = SELECTED.total(LOADS, ["model", "code"])
    return Row(
        "Loads, since the servers started",
        (
            Panel("Loads", "Tries, by outcome.", "none", (Query(tries, "{{model}} {{code}}"),)),
            Panel(
                "Load, mean",
                "Time to load and warm a version.",
                "s",
                (Query(SELECTED.mean_since_start(LOAD_TIME, ["model"]), "{{model}}"),),
            ),
            Panel(
                "Warm-up, mean",
                "Time of a version's warm-up file.",
                "µs",
                (Query(SELECTED.mean_since_start(WARM_UP, ["model_path"]), "{{model_path}}"),),
            ),
        ),
    )


def _configuration() -> Row:
    tries = SELECTED.total(RELOADS, ["code"])
    return Row(
        "Configuration, since the servers started",
        (
            Panel("Reloads", "Tries to take a new list of models, by outcome.", "none", (Query(tries, "{{code}}"),), width=16),
            Panel(
                "Last reload",
                "1 unless the last try failed somewhere.",
                "none",
                (Query(f"min ({SELECTED.select(RELOAD_OK)})"),),
                "stat",
            ),
        ),
    )


def _processes() -> Row:
    files = f"{SELECTED.select(OPEN_FILES)} / {SELECTED.select(MAX_FILES)}"
    return Row(
        "Processes",
        (
            Panel("Read", "1 where the metrics could be read.", "none", (Query(SELECTED.select(SCRAPED), _HERE),), "stat"),
            Panel(
                "Versions of the server",
                "Servers by version.",
                "none",
                (Query(SELECTED.total(INFO, ["server_version"]), "{{server_version}}"),),
                "stat",
            ),
            Panel("Up", "Since the start.", "s", (Query(f"time() - {SELECTED.select(STARTED)}", _HERE),), "stat"),
            Panel("Processor", "Cores in use.", "none", (Query(SELECTED.rate(PROCESSOR, _INSTANCE), _HERE),)),
            Panel("Memory", "Resident.", "bytes", (Query(SELECTED.select(RESIDENT), _HERE),)),
            Panel("Open files", "Share of those that may be open.", "percentunit", (Query(files, _HERE),), top=1.0),
        ),
    )
