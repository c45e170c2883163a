"""`headrace mirror explain`: what the policy says of a project's files."""

from __future__ import annotations

import time
from pathlib import Path

import click

from headrace.cli.mirror.options import ROOT
from headrace.core.errors import OpError
from headrace.mirror.index.names import normalize
from headrace.mirror.pages.stored import PageFiles
from headrace.mirror.policy.reading import read_policy


@click.command()
@ROOT
@click.option("--policy", type=click.Path(path_type=Path), required=True, help="The TOML file of the mirror.")
@click.argument("requirement")
def explain(root: Path, policy: Path, requirement: str) -> None:
    """Say of each file of NAME, or NAME==VERSION, whether the policy gives it out, and why not. Asks nobody."""
    name, _, version = requirement.partition("==")
    try:
        project = normalize(name.strip())
        rules = read_policy(policy)
    except OpError as error:
        raise click.ClickException(error.message) from error
    pages = PageFiles(root / "pages")
    found = [page for upstream in pages.upstreams() if (page := pages.read(upstream, project)) is not None and page.document]
    if not found:
        raise click.ClickException(f"{root} has no page of {project}; ask the mirror for it first")
    for file in found[0].document["files"] if found[0].document is not None else ():
        if version and f"-{version.strip()}-" not in file["filename"] and f"-{version.strip()}." not in file["filename"]:
            continue
        verdict = rules.judge(project, file, time.time())
        click.echo(f"{file['filename']}: {'given out' if verdict is None else verdict.reason}")
