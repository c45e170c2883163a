"""The digest of a version's files, which tells what answers a request."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from headrace.core.errors import OpError
from headrace.core.log_lines import fields
from headrace.saved_model.digest import content_digest

logger = logging.getLogger(__name__)

HEADER = "x-headrace-model-digest"
"""The header of answers, or gRPC's initial metadata, that has it."""


def version_digest(path: Path) -> str:
    """The digest of a version's directory, as `headrace inspect` prints it; "" where it has none, which the log says.

    It is computed on the thread that loads, before the load: that reads the files once more, but from memory then. A version is
    not kept from serving for want of a digest; what must be verified is verified by the engine.
    """
    started = time.monotonic()
    try:
        found = content_digest(path)
    except (OpError, OSError) as error:
        logger.warning("a version has no digest: %s", error, extra=fields(path=path))
        return ""
    logger.info("digest", extra=fields(path=path, digest=found, seconds=round(time.monotonic() - started, 3)))
    return found
