"""Reads the options about model hubs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from headrace.mirror.models.tfhub.records import read_pins
from headrace.mirror.options import ModelOptions, UpstreamOptions

Command = TypeVar("Command", bound=Callable[..., Any])


def model_options(given: Mapping[str, Any], patience: tuple[float, float, float]) -> ModelOptions:
    """The model hubs that are mirrored.

    Args:
        given: the values of the options of `hub_flags`.
        patience: how long an answer is fresh, is given out while upstream is asked, and while upstream fails, in seconds.

    Raises:
        UsageError: options do not go together, a URL is none, or the token cannot be read.
        InvalidArgumentError: the pins have mistakes.
    """
    token, pins, bucket = given["hf_token_file"], given["tfhub_pins"], given["tfhub_bucket"]
    if token is not None and given["hf_upstream"] is None:
        raise click.UsageError("--hf_token_file is given without --hf_upstream; name the hub that the token is for")
    if given["tfhub_pinned_only"] and pins is None:
        raise click.UsageError("--tfhub_pinned_only is given without --tfhub_pins; name the file with the pins")
    if bucket and not (bucket.startswith("gs://") and bucket.isprintable()):
        raise click.UsageError(f"--tfhub_bucket={bucket!r} is no bucket, such as gs://bucket/folder")
    private = given["hub_private_addresses"]
    return ModelOptions(
        _upstream("huggingface", "--hf_upstream", given["hf_upstream"], patience, private),
        read_token("--hf_token_file", token) if token is not None else "",
        _upstream("tfhub", "--tfhub_upstream", given["tfhub_upstream"], patience, private),
        read_pins(pins) if pins is not None else {},
        given["tfhub_pinned_only"],
        bucket,
        _upstream("oci", "--oci_upstream", given["oci_upstream"], patience, private),
    )


def hub_flags(command: Command) -> Command:
    """Gives a command the options about model hubs."""
    flags = (
        click.option("--hf_upstream", help="URL of a hub of Hugging Face's protocol, which clients ask at /hf."),
        click.option("--hf_token_file", type=click.Path(path_type=Path), help="The mirror's own token for that hub."),
        click.option("--hub_private_addresses", is_flag=True, help="Let hubs redirect to addresses of private networks."),
        click.option("--tfhub_upstream", help="URL before TF-Hub handles, which clients ask at /tfhub."),
        click.option("--tfhub_pins", type=click.Path(path_type=Path), help="A TOML file: the sha256 of TF-Hub archives."),
        click.option("--tfhub_pinned_only", is_flag=True, help="Give out pinned TF-Hub archives only."),
        click.option("--tfhub_bucket", default="", help="gs://... that TFHUB_MODEL_LOAD_FORMAT=UNCOMPRESSED is told of."),
        click.option("--oci_upstream", help="URL of an OCI registry, which is asked for repositories that are not here."),
    )
    for flag in reversed(flags):
        command = flag(command)
    return command


def _upstream(
    name: str, option: str, text: str | None, patience: tuple[float, float, float], private: bool
) -> UpstreamOptions | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise click.UsageError(f"{option}={text} is no URL of a hub, such as https://hub.example")
    return UpstreamOptions(name, text, *patience, private_addresses=private)


def read_token(option: str, path: Path) -> str:
    """The token in a file.

    Raises:
        UsageError: there is none.
    """
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{option}={path} cannot be read: {error}") from None
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise click.UsageError(f"{option}={path} holds no token; expected one line of plain characters")
    return text
