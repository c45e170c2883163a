"""What a new page may not say: that a file has another content than before."""

from __future__ import annotations

import logging

from headrace.mirror.index.page import Document, sha256_of

logger = logging.getLogger(__name__)


def keep_contents(old: Document | None, new: Document) -> list[str]:
    """Puts back the old entry of each file whose digest has changed; a file's name stands for one content, for good.

    Returns:
        The names of these files.
    """
    before = {file["filename"]: file for file in old["files"]} if old is not None else {}
    changed = []
    for place, file in enumerate(new["files"]):
        known = before.get(file["filename"])
        if known is not None and sha256_of(known) is not None and sha256_of(file) != sha256_of(known):
            new["files"][place] = known
            changed.append(file["filename"])
            logger.error(
                "upstream changed the content of %s of %s: %s is now %s; the first one stays",
                file["filename"],
                new.get("name"),
                sha256_of(known),
                sha256_of(file),
            )
    return changed
