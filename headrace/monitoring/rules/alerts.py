"""Alerts on the state of servers and models."""

from __future__ import annotations

from headrace.monitoring.families import (
    AUDIT_FAILURES,
    BATCH_DROPPED,
    BATCH_WAIT,
    LOADS,
    MAX_FILES,
    MODEL_AVAILABLE,
    OPEN_FILES,
    QUEUE_LIMIT,
    QUEUE_WAIT,
    QUEUE_WAITING,
    RELOAD_OK,
    SCRAPED,
    TRAFFIC_CHANGED,
    TRAFFIC_ROLLBACKS,
)
from headrace.monitoring.promql import Scope, quoted
from headrace.monitoring.rules.groups import Alert, Condition, Group, Recording

WAIT_SERIES = "instance:headrace_serving_wait_seconds:p90"
"""The recorded wait before a run, of each server: what replicas are added for."""

_PLACE = ["job", "instance", "namespace", "pod"]
"""What tells servers apart; the last two are there on Kubernetes."""


def groups(job: str) -> list[Group]:
    """The rules about servers and models.

    Args:
        job: Prometheus' name of the servers.
    """
    scope = Scope({"job": f"={quoted(job)}"}, "5m")
    alerts = (*_models(scope), *_load(scope), *_servers(scope), *_governance(scope))
    return [Group("headrace-waits", (_waits(job),)), Group("headrace-state", alerts)]


def _waits(job: str) -> Recording:
    """The wait for a thread or for a batch, whichever is longer; 0 where nobody waited."""
    scope = Scope({"job": f"={quoted(job)}"}, "1m")
    parts = {
        "thread": f"{scope.quantile(0.9, QUEUE_WAIT, _PLACE)} >= 0",  # without requests it is not a number
        "batch": f"{scope.quantile(0.9, BATCH_WAIT, _PLACE)} >= 0",
        "nothing": f"0 * {scope.total(SCRAPED, _PLACE)}",
    }
    told_apart = [f'label_replace({query}, "for", "{what}", "", "")' for what, query in parts.items()]
    return Recording(WAIT_SERIES, f"max by ({', '.join(_PLACE)}) ({' or '.join(told_apart)})")


def _models(scope: Scope) -> list[Alert]:
    failed = scope.select(LOADS, 'code!="OK"')
    model = "{{ $labels.model }} on {{ $labels.instance }}"
    return [
        Alert(
            "HeadraceModelUnavailable",
            (Condition(scope.select(MODEL_AVAILABLE), "== 0"),),
            "page",
            "5m",
            f"{model} has no version that serves",
            "The server's log has the reason; the status of the model, GET /v1/models/NAME, has the error of each version.",
        ),
        Alert(
            "HeadraceModelLoadFailing",
            (Condition(f"sum by (job, instance, model) (increase({failed}[15m]))", "> 0"),),
            "ticket",
            "0s",
            f"A version of {model} cannot be loaded",
            "The version before still serves. The server's log has the reason.",
        ),
        Alert(
            "HeadraceConfigReloadFailed",
            (Condition(scope.select(RELOAD_OK), "== 0"),),
            "ticket",
            "5m",
            "The list of models of {{ $labels.instance }} is not the one that was given",
            "The server goes on with the list before. Its log has the place of the mistake, or the model that is missing.",
        ),
    ]


def _load(scope: Scope) -> list[Alert]:
    by = ["job", "instance", "protocol"]
    full = f"{scope.total(QUEUE_WAITING, by)} / {scope.total(QUEUE_LIMIT, by)}"
    return [
        Alert(
            "HeadraceQueueSaturated",
            (Condition(full, "> 0.8"),),
            "page",
            "2m",
            "The queue of {{ $labels.protocol }} on {{ $labels.instance }} is {{ $value | humanizePercentage }} full",
            "At 100 % requests are refused. Add replicas or threads, or find out why runs take long.",
        ),
        Alert(
            "HeadraceBatchQueueFull",
            (Condition(scope.rate(BATCH_DROPPED, ["job", "instance", "model"], 'reason="full"'), "> 0"),),
            "ticket",
            "5m",
            "{{ $labels.model }} on {{ $labels.instance }} refuses requests, since its batches are full",
            "Add replicas, or let more wait (max_enqueued_batches) if that is worth the time.",
        ),
    ]


def _servers(scope: Scope) -> list[Alert]:
    return [
        Alert(
            "HeadraceDown",
            (Condition(scope.select(SCRAPED), "== 0"),),
            "page",
            "2m",
            "The metrics of {{ $labels.instance }} cannot be read",
            "The server is down, or cannot be reached on its REST port.",
        ),
        Alert(
            "HeadraceAbsent",
            (Condition(f"(count({scope.select(SCRAPED)}) or vector(0))", "== 0"),),
            "page",
            "5m",
            "Prometheus knows no Headrace server",
            "Look at the targets of Prometheus: the job is missing, or its discovery finds nothing.",
        ),
        Alert(
            "HeadraceFilesRunOut",
            (Condition(f"{scope.select(OPEN_FILES)} / {scope.select(MAX_FILES)}", "> 0.8"),),
            "ticket",
            "5m",
            "{{ $labels.instance }} has {{ $value | humanizePercentage }} of the files open that it may",
            "Connections are files: raise the limit, or find the client that keeps them.",
        ),
    ]


def _governance(scope: Scope) -> list[Alert]:
    by = ["job", "instance", "model", "variant"]
    now = scope.total(TRAFFIC_ROLLBACKS, by)
    before = f"sum by ({', '.join(by)}) ({scope.select(TRAFFIC_ROLLBACKS)} offset 15m)"
    return [
        Alert(
            "HeadraceRolledBack",
            # Its first rollback is also the first that is seen of a variant, which `increase` would not count.
            (Condition(f"({now} - ({before} or 0 * {now}))", "> 0"),),
            "ticket",
            "0s",
            "{{ $labels.variant }} of {{ $labels.model }} was taken out of the traffic on {{ $labels.instance }}",
            "It was worse than the stable version. GET /admin/v1/traffic/MODEL/report has the comparison.",
        ),
        Alert(
            "HeadraceTrafficRulesRefused",
            (Condition(scope.select(TRAFFIC_CHANGED), "== 0"),),
            "ticket",
            "5m",
            "The traffic rules of {{ $labels.instance }} are not the ones that were given",
            "The rules before stay in force. The server's log has every mistake of the new ones.",
        ),
        Alert(
            "HeadraceAuditNotWritten",
            (Condition(f"increase({scope.select(AUDIT_FAILURES)}[15m])", "> 0"),),
            "page",
            "0s",
            "The audit log of {{ $labels.instance }} cannot be written",
            "Look at the disk of --audit_log_file, and at who may write to it.",
        ),
    ]
