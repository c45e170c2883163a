"""`headrace mirror advisories`: what is known to be wrong with packages."""

from __future__ import annotations

import getpass
import time
from pathlib import Path

import click

from headrace.cli.mirror.options import ROOT
from headrace.core.errors import OpError
from headrace.mirror.audit import AuditLog, Caller
from headrace.mirror.policy.advisories.database import AdvisoryDatabase, Status
from headrace.mirror.policy.advisories.importing import import_advisories
from headrace.mirror.policy.places import ADVISORIES, AUDIT


@click.group()
def advisories() -> None:
    """What is known to be wrong with packages: advisories in OSV's format, imported from a file."""


@advisories.command("import")
@ROOT
@click.option("--force", is_flag=True, help="Also when the new ones are fewer than half as many, or older.")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
def import_command(root: Path, force: bool, source: Path) -> None:
    """Put the advisories of SOURCE, OSV's zip file of PyPI or a folder of its JSON documents, in force in place of those before."""
    who = Caller("local", "headrace mirror advisories import", getpass.getuser())
    with AuditLog(root / AUDIT) as log:
        try:
            status = import_advisories(source, root / ADVISORIES, force)
        except OpError as error:
            log.record("advisories", "refused", who, durable=True, source=str(source), reason=error.message)
            raise click.ClickException(error.message) from error
        log.record("advisories", "imported", who, durable=True, source=str(source), advisories=status.advisories, forced=force)
    click.echo(_told(status))


@advisories.command("status")
@ROOT
def status_command(root: Path) -> None:
    """Say which advisories are in force. Exit status 1 when there are none."""
    database = AdvisoryDatabase(root / ADVISORIES)
    try:
        status = database.status
    finally:
        database.close()
    if status is None:
        raise click.ClickException(f"{root} has no advisories; get them by `headrace mirror advisories import`")
    click.echo(_told(status))


def _told(status: Status) -> str:
    days = (time.time() - status.newest) / 86400
    return f"{status.advisories} advisories, the newest of them {days:.1f} days old"
