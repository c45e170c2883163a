"""The table of the REST API's operations, and the OpenAPI document, against what the paths' parsers and the application do."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest

from headrace.serving.rest import paths
from headrace.serving.rest.openapi import PATH, Operation, document, operations
from headrace.serving.rest.schemas import SCHEMAS
from headrace.serving.rest.v2 import paths as paths_v2
from tests.serving.toy import Service, wait_until, write_version

METRICS = "/monitoring/prometheus/metrics"
OPERATIONS = list(operations(METRICS))
VALUES = {"{model}": "m", "{version}": "1", "{label}": "stable"}


def filled(operation: Operation) -> str:
    path = operation.path
    for name, value in VALUES.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}")
def test_each_operation_is_found_by_its_path(tmp_path: Path, operation: Operation) -> None:
    path = filled(operation)
    if operation.action is not None:
        parse = paths_v2.parse if paths_v2.covers(path) else paths.parse
        target = parse(operation.method, path)
        assert target.action == operation.action
        assert (target.spec.version == 1) == ("{version}" in operation.path)
        assert (target.spec.label == "stable") == ("{label}" in operation.path)
        return
    write_version(tmp_path, 1)
    with Service(tmp_path) as service:
        wait_until(lambda: service.lifecycle.available)
        response = service.ask(operation.method, path)
        assert response.status_code == 200
        content = document(METRICS)["paths"][operation.path]["get"]["responses"]["200"]["content"]
        assert response.headers["content-type"].partition(";")[0] in content


def test_every_action_is_in_the_table() -> None:
    assert {operation.action for operation in OPERATIONS} - {None} == set(typing.get_args(paths.Action))


def test_every_page_of_the_application_is_in_the_table(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        pages = service.app._pages
        assert {operation.path for operation in OPERATIONS if operation.action is None} == set(pages)


def test_the_document_is_answered_and_uses_every_schema(tmp_path: Path) -> None:
    with Service(tmp_path) as service:
        response = service.ask("GET", PATH)
    assert response.status_code == 200
    assert response.json() == document(METRICS)
    assert all(f'"#/components/schemas/{name}"' in response.text for name in SCHEMAS)


def test_a_metrics_page_elsewhere_or_nowhere() -> None:
    assert "/metrics" in document("/metrics")["paths"]
    assert METRICS not in document(None)["paths"]
