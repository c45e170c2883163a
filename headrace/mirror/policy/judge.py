"""Applies the rules of a mirror to the files of a page."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from headrace.mirror.index.page import Document
from headrace.mirror.policy import checks
from headrace.mirror.policy.advisories.check import advisories
from headrace.mirror.policy.advisories.database import AdvisoryDatabase
from headrace.mirror.policy.candidates import Candidate, candidate
from headrace.mirror.policy.checks import Check
from headrace.mirror.policy.findings import Findings
from headrace.mirror.policy.rules import Policy, Verdict

Stamp = tuple[int, int, Any]
_MOST_PROJECTS = 200


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
        self._bound: OrderedDict[str, tuple[Stamp, list[tuple[str, Check | None]]]] = OrderedDict()
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

    def page(self, project: str, page: Document, now: float) -> list[tuple[Document, Verdict | None]]:
        """The files of a page, each with the first verdict that refuses it; without one, with that of an exception, or None."""
        bound = [(name, check) for name, check in self._checks(project) if check is not None]
        if not bound:
            return [(file, None) for file in page["files"]]
        return [(found.file, _first(bound, found, now)) for found in self._of_page(project, page)]

    def _checks(self, project: str) -> list[tuple[str, Check | None]]:
        """The rules, bound to a project."""
        stamp = self.stamp(project)
        with self._lock:
            known = self._bound.get(project)
            policy = self._policy
        if known is not None and known[0] == stamp:
            return known[1]
        made = [(name, bind(policy, project)) for name, bind in self._rules()]
        with self._lock:
            _keep(self._bound, project, (stamp, made))
        return made

    def _rules(self) -> list[tuple[str, Callable[[Policy, str], Check | None]]]:
        """The rules by name, in the order in which they are asked."""
        return [
            ("projects", checks.projects),
            ("file type", checks.file_types),
            ("yanked", checks.yanked),
            ("age", checks.age),
            ("advisories", lambda policy, project: advisories(policy.advisories, self._database, project)),
        ]

    def _of_page(self, project: str, page: Document) -> list[Candidate]:
        with self._lock:
            known = self._candidates.get(project)
        if known is not None and known[0] is page:
            return known[1]
        made = [candidate(project, file) for file in page["files"]]
        with self._lock:
            _keep(self._candidates, project, (page, made))
        return made


def _first(bound: list[tuple[str, Check]], found: Candidate, now: float) -> Verdict | None:
    excepted = None
    for name, check in bound:
        verdict = check(found, now)
        if verdict is not None:
            if verdict.refused:
                return replace(verdict, rule=name)
            excepted = excepted or replace(verdict, rule=name)
    return excepted


def _judged(name: str, check: Check | None, found: Candidate, now: float) -> Verdict | None:
    verdict = check(found, now) if check is not None else None
    return replace(verdict, rule=name) if verdict is not None else None


def _keep(kept: OrderedDict[str, Any], project: str, value: Any) -> None:
    kept.pop(project, None)
    kept[project] = value
    if len(kept) > _MOST_PROJECTS:
        kept.popitem(last=False)
