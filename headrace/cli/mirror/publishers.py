"""`headrace mirror publishers`: who published projects when the mirror first looked."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from headrace.cli.mirror.options import ROOT
from headrace.core.errors import OpError
from headrace.mirror.audit import AuditLog, Caller
from headrace.mirror.index.names import normalize
from headrace.mirror.policy.attestations.identities import told
from headrace.mirror.policy.findings import open_findings
from headrace.mirror.policy.places import AUDIT, FINDINGS


@click.group()
def publishers() -> None:
    """Who published projects when the mirror first looked: what `publisher_changes` compares with."""


@publishers.command("list")
@ROOT
def list_command(root: Path) -> None:
    """Say who published each project."""
    if not (root / FINDINGS).is_file():
        raise click.ClickException(f"{root} holds no mirror that has looked at a publisher")
    findings = open_findings(root / FINDINGS)
    try:
        for project, first in findings.publishers():
            click.echo(f"{project}: {told(first.identity)} ({first.filename})")
    finally:
        findings.close()


@publishers.command("forget")
@ROOT
@click.option("--reason", required=True, help="Why the new publisher is right; it is noted in the audit log.")
@click.argument("name")
def forget_command(root: Path, reason: str, name: str) -> None:
    """Forget who published the project NAME: the next publisher that is met is its first."""
    try:
        project = normalize(name)
    except OpError as error:
        raise click.ClickException(error.message) from error
    if not (root / FINDINGS).is_file():
        raise click.ClickException(f"{root} holds no mirror that has looked at a publisher")
    findings = open_findings(root / FINDINGS)
    try:
        first = findings.publisher(project)
        if first is None or not findings.forget(project):
            raise click.ClickException(f"nobody is known as the publisher of {project}")
    finally:
        findings.close()
    who = Caller("local", "headrace mirror publishers forget", getpass.getuser())
    with AuditLog(root / AUDIT) as log:
        log.record("publisher", "forgotten", who, durable=True, project=project, identity=told(first.identity), reason=reason)
    click.echo(f"{project}: {told(first.identity)} is forgotten")
