"""`headrace mirror pull`: what requirements resolve to, for this machine or others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from headrace.cli.mirror.configuration import CONFIG, configured_upstreams
from headrace.cli.mirror.options import ROOT, UPSTREAMS
from headrace.core.errors import OpError
from headrace.mirror.options import MirrorOptions
from headrace.mirror.policy.reading import read_policy
from headrace.mirror.policy.rules import Policy
from headrace.mirror.selection.lock import lock_text
from headrace.mirror.selection.pulling import Progress, Report, Selection
from headrace.mirror.selection.pulling import pull as run_pull
from headrace.mirror.selection.requirements import read_request
from headrace.mirror.selection.targets import parse_targets
from headrace.mirror.upstream.pip import configured_index

_FILE = click.Path(path_type=Path)
_PATIENCE = (60.0, 0.0, 3600.0)
"""Pages of the last minute are not asked for again; while upstream fails, those of the last hour do."""


@click.command()
@CONFIG
@ROOT
@click.option("-r", "--requirement", "files", type=_FILE, multiple=True, help="A requirements file; may be given several times.")
@click.option("-c", "--constraint", "constraints", type=_FILE, multiple=True, help="A file of versions that must be kept to.")
@click.option("--python", "pythons", multiple=True, help="Such as 3.12, or 3.11-3.13; this machine's without it.")
@click.option("--platform", "platforms", multiple=True, help="Such as linux-x86_64 or macos-arm64; this machine's without it.")
@UPSTREAMS
@click.option("--policy", type=_FILE, help="A TOML file: what is given out; nothing else is brought.")
@click.option("--private", multiple=True, help="A pattern of private names, as of `serve`.")
@click.option("--sdists", is_flag=True, help="Source archives also where there are wheels.")
@click.option("--pre", "prereleases", is_flag=True, help="Also versions that are not final.")
@click.option("--build", is_flag=True, help="Also versions without wheels for a target; their build code may run.")
@click.option("--replace", "replaces", is_flag=True, help="Let files of earlier pulls make room for others again.")
@click.option("--lock", type=_FILE, help="Write the versions and the sha256 of their files into this requirements file.")
@click.argument("requirements", nargs=-1)
@click.pass_context
def pull(
    context: click.Context,
    root: Path,
    files: tuple[Path, ...],
    constraints: tuple[Path, ...],
    pythons: tuple[str, ...],
    platforms: tuple[str, ...],
    upstreams: tuple[str, ...],
    policy: Path | None,
    private: tuple[str, ...],
    sdists: bool,
    prereleases: bool,
    build: bool,
    replaces: bool,
    lock: Path | None,
    requirements: tuple[str, ...],
) -> None:
    """Resolve REQUIREMENTS, such as numpy==2.1, and those in files, and bring all files that fit the pythons and platforms.

    Exit status 1 when a python or a platform lacks something.
    """
    try:
        request = read_request(files, constraints, requirements)
        selection = Selection(request, tuple(parse_targets(pythons, platforms)), sdists, prereleases, build, replaces)
        found = configured_upstreams(upstreams, _PATIENCE) or configured_upstreams([configured_index()], _PATIENCE)
        rules = read_policy(policy) if policy is not None else Policy()
        options = MirrorOptions(root, tuple(found), rules, private=private)
        for place in request.ignored:
            click.echo(f"does not count here: {place}")
        with _bar() as tell:
            report = asyncio.run(run_pull(options, selection, tell))
        if lock is not None:
            lock.write_text(lock_text(report.locked))
    except OpError as error:
        raise click.ClickException(error.message) from error
    except OSError as error:
        raise click.ClickException(f"{lock} cannot be written: {error.strerror}") from error
    _say(report)
    if not report.complete:
        context.exit(1)


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    """A bar of the bytes, beside the number of files, on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task("resolving", total=None)

        def tell(progress: Progress) -> None:
            told = f"{progress.files_done} of {progress.files} files"
            bars.update(task, description=told, completed=progress.bytes_done, total=progress.bytes)

        yield tell


def _say(report: Report) -> None:
    versions = len({(each.pin.project, each.pin.version) for each in report.locked})
    click.echo(
        f"{versions} versions: {len(report.fetched)} files fetched ({report.fetched_bytes} bytes), {len(report.reused)} reused"
    )
    for name, reason in sorted(report.refused.items()):
        click.echo(f"refused: {name}: {reason}")
    for each in report.built:
        click.echo(f"no wheel, so that it has to be built there: {each}")
    for each in report.missing:
        click.echo(f"missing: {each}: there is neither a wheel nor a source archive that may be taken")
    for name, reason in sorted(report.failed.items()):
        click.echo(f"failed: {name}: {reason}")
