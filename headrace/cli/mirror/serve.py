"""`headrace mirror serve`: packages from inside your own walls."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from headrace.cli.mirror.configuration import CONFIG, configured_upstreams
from headrace.cli.mirror.models import hub_flags, model_options
from headrace.cli.mirror.options import ROOT, UPSTREAMS
from headrace.core import log_lines
from headrace.core.errors import FailedPreconditionError, OpError
from headrace.mirror.bundles.published import PublishedFiles
from headrace.mirror.options import MirrorOptions, TlsOptions
from headrace.mirror.policy.reading import read_policy
from headrace.mirror.policy.rules import Policy
from headrace.mirror.private.uploaders import read_uploaders
from headrace.mirror.server.process import serve as run_mirror
from headrace.mirror.upstream.pip import configured_index

_MINUTE = 60.0
_GIB = 1 << 30


@click.command()
@CONFIG
@ROOT
@UPSTREAMS
@click.option("--policy", type=click.Path(path_type=Path), help="A TOML file: what is given out.")
@click.option("--private", multiple=True, help="A pattern of private names, such as acme-*: never looked for upstream.")
@click.option(
    "--uploaders", type=click.Path(path_type=Path), help="A TOML file: who may upload packages of private names, and models."
)
@hub_flags
@click.option("--private_read", type=click.Choice(["anyone", "token"]), default="anyone", help="Who reads private projects.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8466, show_default=True, help="0 takes a free one.")
@click.option("--tls_certificate", type=click.Path(path_type=Path), help="A PEM file: speak TLS; read again when it changes.")
@click.option("--tls_key", type=click.Path(path_type=Path), help="Its private key, unless that is in the same file.")
@click.option("--tls_client_ca", type=click.Path(path_type=Path), help="Take only clients with a certificate of this authority.")
@click.option("--url", default="", help="Under which clients reach it, where a proxy stands before it.")
@click.option("--trusted_proxy", "trusted_proxies", multiple=True, help="Address or network whose X-Forwarded headers hold.")
@click.option("--insecure_tokens", is_flag=True, help="Take tokens over plain HTTP from other machines.")
@click.option("--fresh_minutes", type=click.FloatRange(0), default=10.0, show_default=True, help="Pages so old are not asked for.")
@click.option("--stale_minutes", type=click.FloatRange(0), default=60.0, show_default=True, help="Then, while they are asked for.")
@click.option("--error_hours", type=click.FloatRange(0), default=168.0, show_default=True, help="While upstream fails.")
@click.option("--connections", type=click.IntRange(1, 64), help="So many bring one large file; 4 where nothing else is said.")
@click.option("--high_gib", type=click.FloatRange(0), default=100.0, show_default=True, help="Above it the oldest files go.")
@click.option("--low_gib", type=click.FloatRange(0), default=80.0, show_default=True, help="Until so much is left.")
@click.option("--drain_seconds", type=click.FloatRange(0, 600), default=0.0, help="Not ready, before requests are refused.")
@click.option("--max_file_gib", type=click.FloatRange(0), default=64.0, show_default=True, help="Larger files are not taken.")
@click.option("--offline", is_flag=True, help="Ask nobody: give out what is here, as pulled or imported.")
def serve(**given: Any) -> None:
    """Answer pip, uv and all others that speak the Simple repository API."""
    log_lines.configure()
    _check(given)
    try:
        asyncio.run(run_mirror(_options(given)))
    except OpError as error:
        raise click.ClickException(error.message) from error


def _check(given: dict[str, Any]) -> None:
    """Raises UsageError for flags that do not go together."""
    low, high, url = given["low_gib"], given["high_gib"], given["url"]
    if low > high:
        raise click.UsageError(f"--low_gib={low:g} is above --high_gib={high:g}; it is what is left when room was made")
    if given["tls_certificate"] is None and (given["tls_key"] or given["tls_client_ca"]):
        raise click.UsageError("--tls_key and --tls_client_ca are given without --tls_certificate")
    if url and urlsplit(url).scheme not in ("http", "https"):
        raise click.UsageError(f"--url={url} is no URL, such as https://mirror.example/packages")


def _options(given: dict[str, Any]) -> MirrorOptions:
    """The mirror that flags describe.

    Raises:
        UsageError, OpError: it cannot be.
    """
    patience = (given["fresh_minutes"] * _MINUTE, given["stale_minutes"] * _MINUTE, given["error_hours"] * 60 * _MINUTE)
    upstreams = configured_upstreams(given["upstreams"], patience)
    offline = given["offline"]
    if not upstreams and not offline:
        try:
            upstreams = configured_upstreams([configured_index()], patience)
        except FailedPreconditionError:
            if not PublishedFiles(given["root"]).read():
                raise
            offline = True  # nobody to ask, and bundles are here
    if given["connections"] is not None:
        upstreams = [replace(each, connections=given["connections"]) for each in upstreams]
    known = read_uploaders(given["uploaders"]) if given["uploaders"] is not None else ()
    if any(each.projects for each in known) and not given["private"]:
        raise click.UsageError("--uploaders names projects without --private; only packages of private names can be uploaded")
    certificate = given["tls_certificate"]
    return MirrorOptions(
        root=given["root"],
        upstreams=tuple(upstreams),
        policy=read_policy(given["policy"]) if given["policy"] is not None else Policy(),
        policy_file=given["policy"],
        private=given["private"],
        uploaders=known,
        private_read=given["private_read"],
        models=model_options(given, patience),
        host=given["host"],
        port=given["port"],
        tls=TlsOptions(certificate, given["tls_key"], given["tls_client_ca"]) if certificate is not None else None,
        url=given["url"],
        trusted_proxies=given["trusted_proxies"],
        insecure_tokens=given["insecure_tokens"],
        high_bytes=int(given["high_gib"] * _GIB),
        low_bytes=int(given["low_gib"] * _GIB),
        drain_seconds=given["drain_seconds"],
        max_file_bytes=int(given["max_file_gib"] * _GIB),
        offline=offline,
    )
