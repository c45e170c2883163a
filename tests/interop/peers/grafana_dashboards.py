"""Reads dashboards with Grafana's own types and says, by file, what of them the types do not have."""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()


def lost(given, kept, path=""):
    """The places of `given` that are not, or not the same, in `kept`."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [place for key, value in given.items() for place in lost(value, kept.get(key), f"{path}/{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [place for index, value in enumerate(given) for place in lost(value, kept[index], f"{path}/{index}")]
    return [] if given == kept else [path]


found = {}
for name in sys.argv[1:]:
    content = json.loads(Path(name).read_text())
    read = Dashboard.from_json(content)
    found[Path(name).name] = lost(content, json.loads(JSONEncoder(sort_keys=True).encode(read)))
print(json.dumps(found))
