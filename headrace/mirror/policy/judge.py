"""Applies the rules of a mirror to the files of a page."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headrace.mirror.index.page import Document
from headrace.mirror.policy import checks
from headrace.mirror.policy.advisories.check import advisories
from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.attestations import check as publisher
from headrace.mirror.policy.candidates import Candidate, candidate
from headrace.mirror.policy.checks import Check
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.licences import check as licence
from headrace.mirror.policy.rules import Policy, Verdict

Stamp = tuple[int, int, Any]
_MOST_PROJECTS = 200


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule.

    Attributes:
        name: of it.
        bind: makes its check of a project; None when it has nothing against any of its files.
        stamp: changes when it would make another one, the policy apart.
    """

    name: str
    bind: Callable[[Policy, str], Check | None]
    stamp: Callable[[str], Any] = lambda _: None


class Judge:
    """Says which files are given out. Its methods may be called from several threads.

    Args:
        policy: the rules.
        database: of advisories.
        findings: what is known of files beside their page.
    """

    def __init__(self, policy: Policy, database: AdvisoryDatabase, findings: Findings) -> None:
        self._policy = policy
        self._database = database
        self._findings = findings
        self._generation = 0
        self._lock = threading.Lock()
        self._bound: OrderedDict[tuple[str, str], tuple[Any, Check | None]] = OrderedDict()
        self._rules = self._table()
        self._candidates: OrderedDict[str, tuple[Document, list[Candidate]]] = OrderedDict()

    @property
    def policy(self) -> Policy:
        """The rules in force."""
        return self._policy

    def take(self, policy: Policy) -> None:
        """Puts other rules in force."""
        with self._lock:
            self._policy = policy
            self._generation += 1

    def stamp(self, project: str) -> Stamp:
        """Changes when a project may be judged differently, the time apart."""
        return self._generation, self._database.generation, self._findings.generation(project)

    def refusal(self, project: str, file: Document, now: float) -> Verdict | None:
        """Why a file is not given out at `now`, in seconds since 1970; None when it is."""
        return next((each for each in self.verdicts(project, file, now).values() if each is not None and each.refused), None)

    def verdicts(self, project: str, file: Document, now: float) -> dict[str, Verdict | None]:
        """What each rule says of a file, by the rule's name."""
        found = candidate(project, file)
        return {name: _judged(name, check, found, now) for name, check in self._checks(project)}

    def facts(self, project: str, file: Document) -> dict[str, Any]:
        """What is known of a file, whatever the rules make of it: as JSON has it, None for what has not been looked at."""
        found = candidate(project, file)
        known = self._database.of(project).of(found.version_text, found.version)
        declared = self._findings.of(project, licence.KIND).get(found.digest)
        proven = self._findings.of(project, publisher.KIND).get(found.digest)
        return {
            "version": found.version_text,
            "sha256": found.digest,
            "upload_time": file.get("upload-time"),
            "yanked": bool(file.get("yanked")),
            "advisories": [{"id": each.id, "aliases": list(each.aliases), "cvss": each.score} for each in known],
            "licence": declared.value.get("expression", "unknown") if declared is not None else None,
            "publishers": proven.value["publishers"] if proven is not None else None,
        }

    def page(self, project: str, page: Document, now: float) -> list[tuple[Document, Verdict | None]]:
        """The files of a page, each with the first verdict that refuses it; without one, with that of an exception, or None."""
        bound = [(name, check) for name, check in self._checks(project) if check is not None]
        if not bound:
            return [(file, None) for file in page["files"]]
        return [(found.file, _first(bound, found, now)) for found in self._of_page(project, page)]

    def is_ready(self, project: str) -> bool:
        """True when a file of a project can be judged without reading what is known of the project first."""
        with self._lock:
            return all((rule.name, project) in self._bound for rule in self._rules)

    def _checks(self, project: str) -> list[tuple[str, Check | None]]:
        """The rules, bound to a project."""
        return [(rule.name, self._check(rule, project)) for rule in self._rules]

    def _check(self, rule: _Rule, project: str) -> Check | None:
        with self._lock:
            generation, policy = self._generation, self._policy
            known = self._bound.get((rule.name, project))
        stamp = generation, rule.stamp(project)
        if known is not None and known[0] == stamp:
            return known[1]
        made = rule.bind(policy, project)
        with self._lock:
            _keep(self._bound, (rule.name, project), (stamp, made), _MOST_PROJECTS * len(self._rules))
        return made

    def _table(self) -> list[_Rule]:
        """The rules, in the order in which they are asked."""
        database, findings = self._database, self._findings
        return [
            _Rule("projects", checks.projects),
            _Rule("file type", checks.file_types),
            _Rule("yanked", checks.yanked),
            _Rule("age", checks.age),
            _Rule(
                "advisories",
                lambda policy, project: advisories(policy.advisories, database, project),
                lambda _: database.generation,
            ),
            _Rule(licence.KIND, lambda policy, project: licence.licences(policy.licences, findings, project), findings.generation),
            _Rule(
                publisher.KIND,
                lambda policy, project: publisher.publishers(policy.publishers, findings, project),
                findings.generation,
            ),
        ]

    def _of_page(self, project: str, page: Document) -> list[Candidate]:
        with self._lock:
            known = self._candidates.get(project)
        if known is not None and known[0] is page:
            return known[1]
        made = [candidate(project, file) for file in page["files"]]
        with self._lock:
            _keep(self._candidates, project, (page, made), _MOST_PROJECTS)
        return made


def _first(bound: list[tuple[str, Check]], found: Candidate, now: float) -> Verdict | None:
    excepted = None
    for name, check in bound:
        verdict = check(found, now)
        if verdict is not None:
            if verdict.refused:
                return _named(verdict, name)
            excepted = excepted or _named(verdict, name)
    return excepted


def _judged(name: str, check: Check | None, found: Candidate, now: float) -> Verdict | None:
    verdict = check(found, now) if check is not None else None
    return _named(verdict, name) if verdict is not None else None


def _named(verdict: Verdict, name: str) -> Verdict:
    return Verdict(verdict.reason, verdict.until, name, verdict.refused, verdict.pending, verdict.optional, verdict.alert)


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any, most: int) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)
