"""A source for what is in the store, or nowhere."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from headrace.core.errors import NotFoundError
from headrace.mirror.upstream.source import FilePart


class Unasked:
    """A source that has no files.

    Args:
        name: where the files were.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def file(self, url: str, offset: int) -> AbstractAsyncContextManager[FilePart]:
        """Raises NotFoundError; see Source.file."""
        raise NotFoundError(f"{url} is no longer in the store at byte {offset}; ask again")

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        """Raises NotFoundError; see Source.document."""
        raise NotFoundError(f"there is no {url} of {max_bytes} bytes at most")
