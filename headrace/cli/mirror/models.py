"""Reads the options about model hubs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from headrace.mirror.options import ModelOptions, UpstreamOptions


def model_options(hf_upstream: str | None, hf_token_file: Path | None, patience: tuple[float, float, float]) -> ModelOptions:
    """The model hubs that are mirrored.

    Args:
        hf_upstream: the URL of a hub of Hugging Face's protocol.
        hf_token_file: holds the mirror's own token for it.
        patience: how long an answer is fresh, is given out while upstream is asked, and while upstream fails, in seconds.

    Raises:
        UsageError: a URL is none, or the token cannot be read.
    """
    if hf_upstream is None:
        if hf_token_file is not None:
            raise click.UsageError("--hf_token_file is given without --hf_upstream; name the hub that the token is for")
        return ModelOptions()
    upstream = UpstreamOptions("huggingface", _url("--hf_upstream", hf_upstream), *patience)
    return ModelOptions(upstream, _token(hf_token_file) if hf_token_file is not None else "")


def _url(option: str, text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise click.UsageError(f"{option}={text} is no URL of a hub, such as https://hub.example")
    return text


def _token(path: Path) -> str:
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--hf_token_file={path} cannot be read: {error}") from None
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise click.UsageError(f"--hf_token_file={path} holds no token; expected one line of plain characters")
    return text
