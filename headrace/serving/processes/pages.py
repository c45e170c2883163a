"""The metrics page of several processes: the sum of theirs.

What a process counted stays counted when it is gone, so that no counter ever goes back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_LEAST = {
    "headrace_serving_config_last_reload_successful",
    "headrace_serving_model_available",
    "headrace_serving_model_version_available",
    "headrace_serving_traffic_rules_last_change_successful",
    "process_start_time_seconds",
}
"""Gauges that say of the server what the worst of its processes says; a process that does not say counts as 0."""
_MOST = {"headrace_serving_info", "headrace_serving_model_version_state", "headrace_serving_traffic_share"}
_MODEL = re.compile(r'[{,]model(?:_name)?="((?:[^"\\]|\\.)*)"')
_LISTED = "headrace_serving_model_available"
_UNKNOWN = "(unknown)"

Samples = dict[str, float]
"""Values by name and labels, as they stand on the page."""


@dataclass(slots=True)
class _Family:
    head: tuple[str, ...]
    kind: str
    samples: Samples = field(default_factory=dict)


class Pages:
    """Adds up pages in Prometheus' text format, as `exposition.render` writes them."""

    def __init__(self) -> None:
        self._last: dict[int, dict[str, _Family]] = {}
        self._gone: dict[str, Samples] = {}

    def update(self, process: int, text: str) -> None:
        """Takes the newest page of a process."""
        self._last[process] = _parse(text)

    def drop(self, process: int) -> None:
        """A process has ended: what it counted is kept."""
        for name, family in self._last.pop(process, {}).items():
            if family.kind != "gauge":
                kept = self._gone.setdefault(name, {})
                for key, value in family.samples.items():
                    kept[key] = kept.get(key, 0.0) + value

    def text(self, common: str = "") -> str:
        """The page of all; empty while there is none. Models that no process lists any more are left out.

        Args:
            common: a page of what is counted for all processes in one place.
        """
        processes = list(self._last.values())
        if not processes:
            return ""
        pages = [*processes, _parse(common)]
        listed = {model for page in pages if _LISTED in page for key in page[_LISTED].samples for model in _MODEL.findall(key)}
        lines: list[str] = []
        for name in dict.fromkeys(name for page in pages for name in page):
            families = [page[name] for page in pages if name in page]
            lines.extend(families[0].head)
            gone = {key: value for key, value in self._gone.get(name, {}).items() if _is_listed(key, listed)}
            merged = _merge(name, [*(each.samples for each in families), gone], len(processes) if name in _LEAST else 0)
            lines.extend(f"{key} {_number(value)}" for key, value in merged.items())
        return "\n".join(lines) + "\n"


def _merge(name: str, parts: list[Samples], needed: int) -> Samples:
    """The samples of one family: summed, or the least or most of each."""
    keys = dict.fromkeys(key for part in parts for key in part)
    combine: Callable[[Iterable[float]], float] = max if name in _MOST else min if name in _LEAST else sum
    found = {key: [part[key] for part in parts if key in part] for key in keys}
    return {key: combine([*values, 0.0] if len(values) < needed else values) for key, values in found.items()}


def _parse(text: str) -> dict[str, _Family]:
    families: dict[str, _Family] = {}
    family = None
    help_line = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            help_line = line
        elif line.startswith("# TYPE "):
            name, kind = line.split()[2:4]
            family = families[name] = _Family((help_line, line), kind)
        elif line and family is not None:
            key, _, value = line.rpartition(" ")
            family.samples[key] = float(value)
    return families


def _is_listed(key: str, listed: set[str]) -> bool:
    found = _MODEL.search(key)
    return found is None or found[1] in listed or found[1] == _UNKNOWN


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
