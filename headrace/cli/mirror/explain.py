"""`headrace mirror explain`: what the policy says of a project's files."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click
from packaging.version import InvalidVersion, Version

from headrace.cli.mirror.options import ROOT
from headrace.core.errors import OpError
from headrace.mirror.index.names import normalize
from headrace.mirror.index.page import Document
from headrace.mirror.pages.stored import PageFiles
from headrace.mirror.policy.attestations.identities import told
from headrace.mirror.policy.candidates import candidate
from headrace.mirror.policy.judging import judging
from headrace.mirror.policy.reading import read_policy
from headrace.mirror.policy.rules import Policy, Verdict


@click.command()
@ROOT
@click.option("--policy", type=click.Path(path_type=Path), required=True, help="The TOML file of the mirror.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with all that --verbose says.")
@click.option("--verbose", is_flag=True, help="Also what is known of a file, and the verdict of every rule.")
@click.argument("requirement")
def explain(root: Path, policy: Path, as_json: bool, verbose: bool, requirement: str) -> None:
    """Say of each file of NAME, or NAME==VERSION, whether the policy gives it out, and why not. Asks nobody: licences and
    publishers are told of files that have been asked for."""
    name, _, version = requirement.partition("==")
    try:
        project = normalize(name.strip())
        rules = read_policy(policy)
    except OpError as error:
        raise click.ClickException(error.message) from error
    document = _page(root, project)
    if document is None:
        raise click.ClickException(f"{root} has no page of {project}; ask the mirror for it first")
    now = time.time()
    files = [each for each in document["files"] if not version or _is_of(project, each, version.strip())]
    try:
        with judging(root, rules) as judge:
            found = [(each["filename"], judge.verdicts(project, each, now), judge.facts(project, each)) for each in files]
    except OpError as error:
        raise click.ClickException(error.message) from error
    if as_json:
        click.echo(json.dumps([_entry(*each) for each in found], indent=2))
        return
    for filename, verdicts, facts in found:
        click.echo(_line(filename, verdicts))
        for fact in _told(facts) if verbose else ():
            click.echo(f"  {fact}")
        for rule, verdict in verdicts.items() if verbose else ():
            click.echo(f"  {rule}: {'nothing against it' if verdict is None else verdict.reason}")


def _page(root: Path, project: str) -> Document | None:
    pages = PageFiles(root / "pages")
    found = (pages.read(upstream, project) for upstream in pages.upstreams())
    return next((page.document for page in found if page is not None and page.document is not None), None)


def _is_of(project: str, file: Document, text: str) -> bool:
    found = candidate(project, file)
    try:
        return found.version == Version(text)
    except InvalidVersion:
        return found.version_text == text


def _line(filename: str, verdicts: dict[str, Verdict | None]) -> str:
    said = [each for each in verdicts.values() if each is not None]
    against = [each.reason for each in said if each.refused]
    if against:
        return f"{filename}: {'; '.join(against)}"
    excepted = "".join(f" ({each.reason})" for each in said)
    return f"{filename}: given out{excepted}"


def _word(verdict: Verdict) -> str:
    if verdict.refused:
        return "refused"
    return "not looked at" if verdict.pending else "reported" if verdict.alert else "excepted"


def _told(facts: dict[str, Any]) -> list[str]:
    """What is known of a file, in words."""
    advisories = [f"{each['id']} ({'unrated' if each['cvss'] is None else each['cvss']})" for each in facts["advisories"]]
    publishers = (
        None if facts["publishers"] is None else ", ".join(map(told, facts["publishers"])) or "nobody that could be verified"
    )
    return [
        f"uploaded: {facts['upload_time'] or 'not known'}",
        f"advisories of this version: {', '.join(advisories) or 'none'}",
        f"licence: {facts['licence'] or 'not looked at yet'}",
        f"published by: {publishers or 'not looked at yet'}",
    ]


def _entry(filename: str, verdicts: dict[str, Verdict | None], facts: dict[str, Any]) -> dict[str, Any]:
    rules = {
        rule: {"verdict": "nothing against it", "reason": ""}
        if verdict is None
        else {"verdict": _word(verdict), "reason": verdict.reason}
        for rule, verdict in verdicts.items()
    }
    given = not any(verdict is not None and verdict.refused for verdict in verdicts.values())
    return {"file": filename, "given_out": given, "facts": facts, "rules": rules}
