"""`headrace mirror yank`, `unyank` and `remove`: changes of private projects, asked of a mirror that runs."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

_SECONDS = 60.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MAX_ANSWER = 1 << 20


def _command(action: str, what: str) -> click.Command:
    @click.command(action, help=what)
    @click.option("--url", required=True, help="Of the mirror, such as https://mirror.example.")
    @click.option("--token_file", type=click.Path(path_type=Path), required=True, help="Holds the token of one who may manage it.")
    @click.option("--file", "filename", default="", help="The only file that is meant; else all of the version.")
    @click.option("--reason", default="", help="One line: shown by clients when it is yanked, and in the mirror's log.")
    @click.option("--ca", type=click.Path(path_type=Path), help="The authority of the mirror's certificate, where it is your own.")
    @click.argument("requirement")
    def run(url: str, token_file: Path, filename: str, reason: str, ca: Path | None, requirement: str) -> None:
        name, parted, version = (part.strip() for part in requirement.partition("=="))
        if not (name and parted and version):
            raise click.UsageError(f"{requirement!r} is not NAME==VERSION")
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise click.UsageError(f"--url={url} would show the token to all on the way; give an https URL")
        asked = {"project": name, "version": version, "file": filename, "reason": reason}
        for each in _ask(f"{url.rstrip('/')}/manage/{action}", token_file, ca, asked)["files"]:
            click.echo(f"{action}: {each}")

    return run


def _ask(url: str, token_file: Path, ca: Path | None, asked: dict[str, str]) -> dict[str, Any]:
    try:
        token = token_file.read_text().strip()
        context = ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    except OSError as error:
        raise click.ClickException(f"{error.filename or ca}: {error.strerror or error}") from error
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        request = urllib.request.Request(url, json.dumps(asked).encode(), headers)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirects)
        with opener.open(request, timeout=_SECONDS) as response:
            found: dict[str, Any] = json.loads(response.read(_MAX_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(_MAX_ANSWER).decode("utf-8", "replace").strip()
        raise click.ClickException(f"the mirror refuses: {said or error.reason}") from error
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{url} cannot be asked: {error}") from error
    return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token goes to the address that was named, and to no other."""

    def redirect_request(self, *_: Any) -> None:
        """Follows nothing."""


yank = _command("yank", "Mark NAME==VERSION so that only those install it who ask for this very version.")
unyank = _command("unyank", "Take back a yank of NAME==VERSION.")
remove = _command("remove", "Forget the files of NAME==VERSION. Their names cannot be used again.")
