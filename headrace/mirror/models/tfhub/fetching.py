"""Fetches archives from a mirror, to fill a cache with."""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from headrace.core.errors import DataLossError, ResourceExhaustedError, UnavailableError
from headrace.mirror.models.tfhub.handles import Handle

_SECONDS = 600.0
"""A mirror that has never been asked for a model fetches all of it before it answers."""
_PIECE_BYTES = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")


def fetch(asked: Handle, mirror: str, target: Path, max_bytes: int, came: Callable[[int], None], token: str = "") -> str:
    """Writes a model's archive to `target`, and compares it with the digest that the mirror gives.

    Args:
        asked: the model.
        mirror: the URL of the mirror.
        target: of the archive.
        max_bytes: of the archive.
        came: is told of each piece's size.
        token: of whoever asks; "" for none.

    Returns:
        The sha256 of the archive.

    Raises:
        UnavailableError: the mirror does not answer, or not with an archive.
        ResourceExhaustedError: the archive is too large.
        DataLossError: it is not what the mirror says.
    """
    url = f"{mirror.rstrip('/')}/tfhub/{quote(asked.path)}?tf-hub-format=compressed"
    if not url.startswith(("http://", "https://")):
        raise UnavailableError(f"{mirror!r} is no URL of a mirror, such as http://127.0.0.1:8466")
    request = urllib.request.Request(url)
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    state, size = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response, target.open("wb") as file:
            told = str(response.headers.get("X-Headrace-Sha256", ""))
            while piece := response.read(_PIECE_BYTES):
                size += len(piece)
                if size > max_bytes:
                    raise ResourceExhaustedError(f"the archive of {asked.path} has more than {max_bytes} bytes")
                state.update(piece)
                file.write(piece)
                came(len(piece))
    except urllib.error.HTTPError as error:
        error.close()
        raise UnavailableError(f"{mirror} answers status {error.code} for {asked.path}: {error.reason}") from None
    except OSError as error:
        raise UnavailableError(f"{mirror} cannot be asked for {asked.path}: {error}") from None
    if _SHA256.fullmatch(told) is None or state.hexdigest() != told:
        raise DataLossError(f"the archive of {asked.path} came with the sha256 {state.hexdigest()}; {mirror} says {told[:64]!r}")
    return told
