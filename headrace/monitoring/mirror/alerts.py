"""When to call somebody about a mirror."""

from __future__ import annotations

from headrace.monitoring.families import SCRAPED
from headrace.monitoring.mirror.families import (
    ADVISORIES_AGE,
    AUDIT_FAILURES,
    CERTIFICATE,
    CHECKED,
    DAMAGED,
    DISK,
    DISK_FREE,
    DOWNLOADS,
    FAILING,
    OLDEST_PAGE,
    PAGES,
    POLICY_OUTDATED,
    REQUESTS,
    STARTED,
)
from headrace.monitoring.promql import Scope, quoted, share
from headrace.monitoring.rules.groups import Alert, Condition, Group

_BY = ["job", "instance"]
_HOUR, _DAY = 3600, 86400
_HERE = "{{ $labels.instance }}"


def groups(job: str) -> list[Group]:
    """The rules.

    Args:
        job: Prometheus' name of the mirrors.
    """
    scope = Scope({"job": f"={quoted(job)}"}, "5m")
    return [Group("headrace-mirror", (*_trust(scope), *_service(scope), *_upstreams(scope), *_store(scope), *_policy(scope)))]


def _risen(series: str, by: list[str]) -> str:
    """How much a counter, whose series are there from the start, has risen in a quarter of an hour."""
    return f"sum by ({', '.join(by)}) (increase({series}[15m]))"


def _trust(scope: Scope) -> list[Alert]:
    wrong = _risen(scope.select(DOWNLOADS, 'event="wrong_digest"'), _BY)
    changed = _risen(scope.select(PAGES, 'event=~"file_changed|serial_went_back"'), [*_BY, "event"])
    return [
        Alert(
            "HeadraceMirrorWrongDigest",
            (Condition(wrong, "> 0"),),
            "page",
            "0s",
            f"What upstream sent to {_HERE} is not what its page says",
            "Nothing wrong was given out. The log names the file: upstream, or what stands before it, is damaged or lies.",
        ),
        Alert(
            "HeadraceMirrorUpstreamChanged",
            (Condition(changed, "> 0"),),
            "page",
            "0s",
            f"Upstream told {_HERE} another past than before: {{{{ $labels.event }}}}",
            "The first content, or the later page, stays. The log names the project; find out which of the two is right.",
        ),
    ]


def _service(scope: Scope) -> list[Alert]:
    failed = scope.rate(REQUESTS, _BY, 'kind=~"page|file"', 'status=~"5.."')
    return [
        Alert(
            "HeadraceMirrorDown",
            (Condition(scope.select(SCRAPED), "== 0"),),
            "page",
            "2m",
            f"The metrics of {_HERE} cannot be read",
            "The mirror is down, or cannot be reached.",
        ),
        Alert(
            "HeadraceMirrorAbsent",
            (Condition(f"(count({scope.select(SCRAPED)}) or vector(0))", "== 0"),),
            "page",
            "5m",
            "Prometheus knows no mirror",
            "Look at the targets of Prometheus: the job is missing, or its discovery finds nothing.",
        ),
        Alert(
            "HeadraceMirrorFailing",
            (Condition(share(failed, scope.rate(REQUESTS, _BY, 'kind=~"page|file"'), _BY), "> 0.05"),),
            "page",
            "5m",
            f"{{{{ $value | humanizePercentage }}}} of the requests for pages and files of {_HERE} fail",
            "The status page tells whether upstream answers; the log has the reason of each.",
        ),
        Alert(
            "HeadraceMirrorCertificateEnds",
            (Condition(f"{scope.select(CERTIFICATE)} - time()", f"< {14 * _DAY}"),),
            "ticket",
            "1h",
            f"The certificate of {_HERE} ends in {{{{ $value | humanizeDuration }}}}",
            "Put a new one in its place.",
        ),
    ]


def _upstreams(scope: Scope) -> list[Alert]:
    return [
        Alert(
            "HeadraceMirrorUpstreamFailing",
            (Condition(scope.select(FAILING), "> 600"),),
            "ticket",
            "5m",
            f"{{{{ $labels.upstream }}}} has not answered {_HERE} for {{{{ $value | humanizeDuration }}}}",
            "What is kept is given out meanwhile. `headrace mirror doctor` tells what of the way to upstream is broken.",
        ),
        Alert(
            "HeadraceMirrorStale",
            (Condition(scope.select(OLDEST_PAGE), f"> {6 * _HOUR}"),),
            "page",
            "15m",
            f"{_HERE} gives out pages of {{{{ $labels.upstream }}}} that are {{{{ $value | humanizeDuration }}}} old",
            "New releases and yanks do not come through: upstream has not answered for so long.",
        ),
    ]


def _store(scope: Scope) -> list[Alert]:
    since = {"check": scope.select(CHECKED), "start": scope.select(STARTED)}
    parted = " or ".join(f'label_replace({series}, "of", "{what}", "", "")' for what, series in since.items())
    lost = _risen(scope.select(DOWNLOADS, 'event=~"damaged|not_kept"'), [*_BY, "event"])
    return [
        Alert(
            "HeadraceMirrorDiskFull",
            (Condition(f"{scope.select(DISK_FREE)} / {scope.select(DISK)}", "< 0.05"),),
            "page",
            "5m",
            f"{{{{ $value | humanizePercentage }}}} of the disk of {_HERE} are left",
            "New files are refused when it is full. Lower --high_gib, or give it a larger disk.",
        ),
        Alert(
            "HeadraceMirrorDiskFills",
            (Condition(f"predict_linear({scope.select(DISK_FREE)}[6h], {_DAY})", "< 0"),),
            "ticket",
            "1h",
            f"The disk of {_HERE} will be full within a day",
            "Lower --high_gib, or find out what else writes there.",
        ),
        Alert(
            "HeadraceMirrorFilesLost",
            (Condition(lost, "> 0"),),
            "ticket",
            "0s",
            f"Files of {_HERE} could not be kept, or were damaged: {{{{ $labels.event }}}}",
            "Look at the disk; `headrace mirror fsck` reads all files again.",
        ),
        Alert(
            "HeadraceMirrorDamaged",
            (Condition(scope.select(DAMAGED), "> 0"),),
            "page",
            "0s",
            f"{_HERE} has {{{{ $value }}}} damaged files in its store",
            "`headrace mirror fsck --repair` puts them aside; they are then fetched anew.",
        ),
        Alert(
            "HeadraceMirrorUnchecked",
            (Condition(f"time() - max by ({', '.join(_BY)}) ({parted})", f"> {35 * _DAY}"),),
            "ticket",
            "1h",
            f"The store of {_HERE} has not been checked for {{{{ $value | humanizeDuration }}}}",
            "Let `headrace mirror fsck` run once a week or month.",
        ),
    ]


def _policy(scope: Scope) -> list[Alert]:
    return [
        Alert(
            "HeadraceMirrorPolicyRefused",
            (Condition(scope.select(POLICY_OUTDATED), "== 1"),),
            "ticket",
            "5m",
            f"The policy of {_HERE} is not the one that was given",
            "The policy before stays in force. The log has every mistake of the new one.",
        ),
        Alert(
            "HeadraceMirrorAuditNotWritten",
            (Condition(f"increase({scope.select(AUDIT_FAILURES)}[15m])", "> 0"),),
            "page",
            "0s",
            f"The audit log of {_HERE} cannot be written",
            "Look at the disk, and at who may write to the mirror's folder.",
        ),
        Alert(
            "HeadraceMirrorAdvisoriesOld",
            (Condition(scope.select(ADVISORIES_AGE), f"> {7 * _DAY}"),),
            "ticket",
            "1h",
            f"The newest advisory that {_HERE} knows is {{{{ $value | humanizeDuration }}}} old",
            "Let `headrace mirror advisories import` run every day.",
        ),
    ]
