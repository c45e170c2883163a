"""What has files: an upstream, or the mirror's own index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable


class NoPartsError(Exception):
    """A source sends whole files only, or says that there is no such part."""


class FilePart(Protocol):
    """Bytes of a file that come.

    Attributes:
        offset: of the first of them: where was asked for, or 0 where ranges are not known.
        total: the size of the whole file; None when it is not said.
    """

    offset: int
    total: int | None

    def pieces(self) -> AsyncIterator[bytes]:
        """The bytes."""


class Source(Protocol):
    """Where files come from that are not in the store."""

    @property
    def name(self) -> str:
        """Stands in the mirror's URLs of files."""

    def file(self, url: str, offset: int) -> AbstractAsyncContextManager[FilePart]:
        """The rest of a file from `offset` on. Where that cannot be done, it comes from the start; see FilePart.

        Raises:
            NoPartsError: nothing comes, because of the offset; it may be asked for from the start.
            NotFoundError: there is no such file.
            UnavailableError: nobody answers, or with an error.
            PermissionDeniedError: it is refused, or leads where the mirror does not go.
        """

    async def document(self, url: str, max_bytes: int) -> tuple[bytes, str]:
        """A small document that may change, such as a provenance, and its Content-Type; raises as `file` does."""


@runtime_checkable
class PartedSource(Source, Protocol):
    """A source whose large files several connections may bring at the same time."""

    @property
    def connections(self) -> int:
        """How many; 1 for no more than that."""

    @property
    def parallel_bytes(self) -> int:
        """From which size on, in bytes."""

    @property
    def segment_bytes(self) -> int:
        """What a connection brings at once, in bytes; so much is kept in memory for each."""

    def part(self, url: str, start: int, stop: int) -> AbstractAsyncContextManager[FilePart]:
        """The bytes from `start` to `stop` of a file; raises as `file` does.

        Raises:
            NoPartsError: whole files only are sent.
        """
