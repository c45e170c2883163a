"""`headrace mirror doctor`: where the way from a client to upstream is broken."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from headrace.cli.mirror.configuration import configured_upstreams
from headrace.cli.mirror.options import UPSTREAMS, upstreams_of
from headrace.cli.mirror.serve import serve
from headrace.core.errors import InvalidArgumentError, OpError
from headrace.mirror.clients.tools import Mirror
from headrace.mirror.doctor.examination import Examination
from headrace.mirror.doctor.findings import Finding
from headrace.mirror.index.names import normalize
from headrace.mirror.policy.reading import read_policy
from headrace.mirror.private.uploaders import read_uploaders
from headrace.mirror.upstream.pip import configured_index

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--root", type=click.Path(path_type=Path), default=Path("mirror"), show_default=True, help="Of the mirror.")
@click.option("--remote", is_flag=True, help="The mirror is on another machine: look at nothing but its answers and the clients.")
@UPSTREAMS
@click.option("--url", default="http://127.0.0.1:8466", show_default=True, help="Of the mirror.")
@click.option("--config", type=_FILE, help="The TOML file of the mirror; it says root, upstreams, policy and uploaders too.")
@click.option("--policy", type=_FILE, help="The TOML file of the mirror.")
@click.option("--uploaders", type=_FILE, help="The TOML file of the mirror.")
@click.option("--project", default="pip", show_default=True, help="To be asked for; a small file of it is fetched.")
@click.option("--timeout", type=click.FloatRange(0.1, 600), default=15.0, show_default=True, help="Seconds, of each step.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.pass_context
def doctor(
    context: click.Context,
    root: Path,
    remote: bool,
    upstreams: tuple[str, ...],
    url: str,
    config: Path | None,
    policy: Path | None,
    uploaders: Path | None,
    project: str,
    timeout: float,
    as_json: bool,
) -> None:
    """Look at the machine, the way to upstream, the mirror and its clients; exit status 1 when something does not work."""
    readers: dict[str, Callable[[], object]] = {}
    given: Sequence[tuple[str, str]] = ()
    if config is not None:
        try:
            said, given = _served(config)
        except OpError as error:
            readers["configuration"] = partial(_refuse, error)
        else:
            readers["configuration"] = partial(_served, config)
            policy, uploaders = policy or said["policy"], uploaders or said["uploaders"]
            if context.get_parameter_source("root") is ParameterSource.DEFAULT:
                root = said["root"]
    if policy is not None:
        readers["policy"] = partial(read_policy, policy)
    if uploaders is not None:
        readers["uploaders"] = partial(read_uploaders, uploaders)
    try:
        asked = () if remote else tuple(upstreams_of(upstreams) if upstreams else given or upstreams_of(_configured(url)))
        examined = Examination(None if remote else root, asked, Mirror(url), normalize(project), timeout, readers)
    except OpError as error:
        raise click.ClickException(error.message) from error
    found = []
    for finding in examined.findings():
        found.append(finding)
        if not as_json:
            _show(finding)
    states = Counter(finding.state for finding in found)
    if as_json:
        click.echo(json.dumps({"works": not states["failed"], "findings": [asdict(each) for each in found]}, indent=2))
    else:
        click.echo(", ".join(f"{count} {state}" for state, count in states.items()))
    if states["failed"]:
        context.exit(1)


def _served(config: Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What `headrace mirror serve` makes of a configuration: its flags, and its upstreams.

    Raises:
        InvalidArgumentError: it has mistakes.
    """
    try:
        with serve.make_context("headrace mirror serve", [f"--config={config}"]) as context:
            flags = dict(context.params)
            named = configured_upstreams(flags["upstreams"], (1.0, 1.0, 1.0))
            return flags, [(each.name, each.url) for each in named]
    except click.ClickException as error:
        raise InvalidArgumentError(error.format_message()) from None


def _refuse(error: OpError) -> None:
    raise error


def _configured(url: str) -> tuple[str, ...]:
    """The upstream that the mirror asks where none is named: pip's, unless that is the mirror itself."""
    try:
        index = configured_index()
    except OpError:
        return ()
    return () if index.rstrip("/").startswith(url.rstrip("/")) else (index,)


def _show(finding: Finding) -> None:
    word = "FAILED" if finding.state == "failed" else finding.state
    click.echo(f"{click.style(f'{word:<8}', fg=_COLOURS[finding.state])} {finding.about}: {finding.said}")
    if finding.remedy:
        click.echo(f"         -> {finding.remedy}")
