"""Validates files of Kubernetes objects against the schemas of some versions, and prints what is wrong by file and kind.

Arguments: versions such as 1.29,1.37, then the files.
"""

import json
import sys
from pathlib import Path

import kubernetes_validate
import pydantic
import yaml
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

OPERATOR = {"PrometheusRule": PrometheusRule, "ServiceMonitor": ServiceMonitor}


def unknown(given, kept, path=""):
    """The places of `given` that the types of Prometheus' operator do not have."""
    if isinstance(given, dict) and isinstance(kept, dict):
        return [place for key, value in given.items() for place in unknown(value, kept.get(key), f"{path}/{key}")]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [place for index, value in enumerate(given) for place in unknown(value, kept[index], f"{path}/{index}")]
    return [] if given == kept else [path]


def problems(item, version):
    if item["kind"] in OPERATOR:
        try:
            read = OPERATOR[item["kind"]].model_validate(item)
        except pydantic.ValidationError as error:
            return [str(error)]
        return unknown(item, json.loads(read.model_dump_json(by_alias=True, exclude_none=True)))
    try:
        kubernetes_validate.validate(item, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [error.message]
    return []


versions = sys.argv[1].split(",")
found = {}
for name in sys.argv[2:]:
    items = list(yaml.safe_load_all(Path(name).read_text()))
    found[Path(name).name] = {item["kind"]: [text for version in versions for text in problems(item, version)] for item in items}
print(json.dumps(found))
