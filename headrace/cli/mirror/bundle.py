"""`headrace mirror bundle`: a signed archive of what a mirror has."""

from __future__ import annotations

import functools
import os
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from headrace.cli.mirror.options import ROOT, password_of
from headrace.core.errors import OpError
from headrace.mirror.bundles.keys import read_private
from headrace.mirror.bundles.making import Holdings, Label, make
from headrace.mirror.bundles.manifest import time_text
from headrace.mirror.index.page import Document
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.judging import judging
from headrace.mirror.policy.reading import read_policy
from headrace.mirror.policy.rules import Policy
from headrace.mirror.selection.requirements import read_request

_FILE = click.Path(path_type=Path)
_SPAN = re.compile(r"(\d{1,6})([hd])")
_SECONDS = {"h": 3600, "d": 86400}


@click.command()
@ROOT
@click.option("-r", "--requirement", "files", type=_FILE, multiple=True, help="A file of pins, such as the lock that pull writes.")
@click.option("--all", "everything", is_flag=True, help="All that is here.")
@click.option("--private", is_flag=True, help="Also packages that were uploaded here.")
@click.option("--policy", type=_FILE, help="A TOML file, as of `serve`: what it refuses by now is left out.")
@click.option("--name", required=True, help="Bundles of one name follow one another.")
@click.option("--version", type=click.IntRange(1), required=True, help="A number that rises from bundle to bundle.")
@click.option("--expires", default="30d", show_default=True, help="30d, 12h, or a time such as 2027-01-31T00:00:00Z.")
@click.option("--key", "keys", type=_FILE, multiple=True, required=True, help="A private key; may be given several times.")
@click.option("--password_env", metavar="VARIABLE", help="The environment variable with the keys' password.")
@click.argument("out", type=_FILE)
def bundle(
    root: Path,
    files: tuple[Path, ...],
    everything: bool,
    private: bool,
    policy: Path | None,
    name: str,
    version: int,
    expires: str,
    keys: tuple[Path, ...],
    password_env: str | None,
    out: Path,
) -> None:
    """Write OUT, an archive with pages, files, a list of components (CycloneDX) and a signature over all of it.

    The same files, name, version, keys and times give the same bytes; SOURCE_DATE_EPOCH sets the time at which it is made.
    """
    if bool(files) == everything:
        raise click.UsageError("say what goes in: either -r FILE, which may be given several times, or --all")
    created = _now()
    try:
        signers = [read_private(path, password_of(password_env)) for path in keys]
        rules = read_policy(policy) if policy is not None else Policy()
        with judging(root, rules) as judge:
            holdings = Holdings(root, private, functools.partial(_refusal, judge) if policy is not None else _taken)
            contents = holdings.everything() if everything else holdings.pinned(read_request(files, (), ()))
        manifest = make(holdings, contents, Label(name, version, created, _until(expires, created)), signers, out)
    except OpError as error:
        raise click.ClickException(error.message) from error
    for filename, reason in sorted(holdings.refused.items()):
        click.echo(f"left out: {filename}: {reason}")
    size = sum(member.size for member in manifest.files)
    click.echo(
        f"{out}: {name} {version}, {len(manifest.pages)} projects, {len(manifest.files)} files ({size} bytes),"
        f" to be imported before {time_text(manifest.expires)}"
    )


def _refusal(judge: Judge, project: str, file: Document) -> str | None:
    verdict = judge.refusal(project, file, time.time())
    return verdict.reason if verdict is not None else None


def _taken(_project: str, _file: Document) -> None:
    """Nothing is refused."""


def _now() -> int:
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if text and not text.isdecimal():
        raise click.UsageError(f"SOURCE_DATE_EPOCH is {text!r}; expected seconds since 1970")
    return int(text) if text else int(time.time())


def _until(text: str, created: int) -> int:
    span = _SPAN.fullmatch(text)
    if span is not None:
        return created + int(span[1]) * _SECONDS[span[2]]
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise click.UsageError(f"--expires={text} is no time; expected 30d, 12h, or one such as 2027-01-31T00:00:00Z") from None
