"""Dashboards as Grafana's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from headrace.monitoring.dashboards.panels import Dashboard, Panel, Variable

SCHEMA_VERSION = 38
"""Grafana 10's; later ones migrate it when they read it."""

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS = 24
_HEIGHTS = {"timeseries": 8, "stat": 4}


def render(dashboard: Dashboard) -> str:
    """The file to import; the same dashboard gives the same text."""
    content = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["headrace"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # the same moment is marked in all panels
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "",
        "links": [
            {
                "type": "dashboards",
                "title": "Headrace",
                "tags": ["headrace"],
                "asDropdown": True,
                "keepTime": True,
                "includeVars": True,
            }
        ],
        "templating": {"list": list(_variables(dashboard))},
        "panels": list(_panels(dashboard)),
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _variables(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """What the reader chooses; each narrows those after it down."""
    yield {
        "type": "datasource",
        "name": "datasource",
        "label": "Source",
        "query": "prometheus",
        "refresh": 1,
        "current": {},
        "hide": 0,
    }
    chosen: list[str] = []
    for each in dashboard.variables:
        yield _variable(each, ", ".join(chosen))
        chosen.append(f'{each.name}=~"${each.name}"')


def _variable(variable: Variable, matchers: str) -> dict[str, Any]:
    series = f"{variable.family}{{{matchers}}}" if matchers else variable.family
    query = f"label_values({series}, {variable.source})"
    return {
        "type": "query",
        "name": variable.name,
        "label": variable.label,
        "datasource": _SOURCE,
        "query": {"query": query, "refId": variable.name},
        "refresh": 2,  # when the time range changes
        "sort": 7,  # as people order names with numbers
        "includeAll": True,
        "allValue": ".*",  # matches series without the label too, such as requests that failed before they had a version
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Rows from top to bottom, and in them panels from left to right."""
    number, top = 0, 0
    for row in dashboard.rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": _place(0, top, _COLUMNS, 1),
            "panels": [],
        }
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                left, top, height = 0, top + height, 0
            number += 1
            yield _panel(panel, number, _place(left, top, panel.width, _HEIGHTS[panel.kind]))
            left, height = left + panel.width, max(height, _HEIGHTS[panel.kind])
        top += height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.top is not None:
        defaults["max"] = panel.top
    options: dict[str, Any]
    if panel.kind == "stat":
        options = {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "none",
            "graphMode": "area",
        }
    else:
        mode = "normal" if panel.stacked else "none"
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 20 if panel.stacked else 0, "stacking": {"mode": mode, "group": "A"}}
        options = {
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "editorMode": "code",
                "expr": query.text,
                "legendFormat": query.legend or "__auto",
                "range": True,
            }
            for place, query in enumerate(panel.queries)
        ],
    }


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}
