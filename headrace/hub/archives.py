"""Unpacks models from archives that may be hostile: files and folders only, none outside, and no more than was agreed."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

from headrace.core.errors import DataLossError, InvalidArgumentError, ResourceExhaustedError
from headrace.modelpack.files import MAX_FILES, check_path

_PIECE_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_MAX_MEMBERS = 4 * MAX_FILES


def unpack(archive: Path, target: Path, max_bytes: int) -> None:
    """Unpacks a tar archive, compressed by gzip or not.

    Args:
        archive: the file.
        target: a folder that is empty.
        max_bytes: of all files together.

    Raises:
        InvalidArgumentError: it is no such archive, or has members that no model has.
        DataLossError: it ends before its end.
        ResourceExhaustedError: its files are larger, or more.
    """
    with archive.open("rb") as file:
        kind = "r:gz" if file.read(2) == _GZIP else "r:"
        file.seek(0)
        left = max_bytes
        try:
            with tarfile.open(fileobj=file, mode=kind) as tar:  # type: ignore[call-overload]
                for count, member in enumerate(tar):
                    if count >= _MAX_MEMBERS:
                        raise ResourceExhaustedError(f"the archive has more than {_MAX_MEMBERS} members")
                    left -= member.size
                    if left < 0:
                        raise ResourceExhaustedError(f"the files in the archive have more than {max_bytes} bytes together")
                    _unpack(tar, member, target)
        except (EOFError, zlib.error) as error:
            raise DataLossError(f"the archive is damaged: {error}") from None
        except tarfile.ReadError as error:
            raise InvalidArgumentError(f"what came is no tar archive: {error}") from None


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    name = member.name.removeprefix("./").rstrip("/")
    if name in ("", ".") and member.isdir():
        return
    path = target / check_path(name)
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    if not member.isreg():
        raise InvalidArgumentError(f"the archive's {name[:200]!r} is neither a file nor a folder; a model has nothing else")
    path.parent.mkdir(parents=True, exist_ok=True)
    inner = tar.extractfile(member)
    assert inner is not None
    try:
        with inner, path.open("xb") as file:
            while piece := inner.read(_PIECE_BYTES):
                file.write(piece)
    except FileExistsError:
        raise InvalidArgumentError(f"the archive has {name[:200]!r} twice") from None
    except OSError as error:
        raise ResourceExhaustedError(f"{name[:200]!r} of the archive cannot be written: {error}") from None
    if path.stat().st_size != member.size:
        raise DataLossError(f"{name[:200]!r} of the archive ends after {path.stat().st_size} of {member.size} bytes")
