"""What an uploaded file must be: a wheel or a source archive whose own metadata says what its name says."""

from __future__ import annotations

import email.parser
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.index.names import check_filename, normalize

_MAX_METADATA_BYTES = 4 << 20
_MAX_MEMBERS = 200_000


@dataclass(frozen=True, slots=True)
class Package:
    """A file that is what it says.

    Attributes:
        project: its normal name.
        version: its normal version.
        requires_python: from its metadata; "" without it.
        metadata: a wheel's METADATA file; None of a source archive.
    """

    project: str
    version: str
    requires_python: str
    metadata: bytes | None


def inspect(filename: str, path: Path) -> Package:
    """What the file at `path`, which is called `filename`, is.

    Raises:
        InvalidArgumentError: it is no package, or another one than it is called.
    """
    check_filename(filename)
    wheel = filename.endswith(".whl")
    try:
        if wheel:
            name, version, _, _ = parse_wheel_filename(filename)
        else:
            name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion) as error:
        raise InvalidArgumentError(f"{filename} is no name of a wheel or of a source archive: {error}") from None
    try:
        metadata = _of_wheel(filename, path) if wheel else _of_archive(filename, path)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise InvalidArgumentError(f"{filename} cannot be opened: {error}") from None
    fields = email.parser.BytesParser().parsebytes(metadata, headersonly=True)
    _check_same(filename, name, version, str(fields["Name"] or ""), str(fields["Version"] or ""))
    return Package(str(name), str(version), str(fields["Requires-Python"] or ""), metadata if wheel else None)


def _check_same(filename: str, name: str, version: Version, inner_name: str, inner_version: str) -> None:
    try:
        same = normalize(inner_name) == name and Version(inner_version) == version
    except (InvalidArgumentError, InvalidVersion):
        same = False
    if not same:
        raise InvalidArgumentError(f"{filename} says inside that it is {inner_name[:80]!r} {inner_version[:40]!r}; build it anew")


def _of_wheel(filename: str, path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        _check_members(filename, names)
        found = [each for each in names if each.endswith(".dist-info/METADATA") and each.count("/") == 1]
        if len(found) != 1:
            raise InvalidArgumentError(f"{filename} has {len(found)} METADATA files; a wheel has one")
        with archive.open(found[0]) as file:
            return _bounded(filename, file.read(_MAX_METADATA_BYTES + 1))


def _of_archive(filename: str, path: Path) -> bytes:
    if filename.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            _check_members(filename, names)
            found = [each for each in names if each.endswith("/PKG-INFO") and each.count("/") == 1]
            if not found:
                raise InvalidArgumentError(f"{filename} has no PKG-INFO")
            with archive.open(found[0]) as file:
                return _bounded(filename, file.read(_MAX_METADATA_BYTES + 1))
    metadata = None
    with tarfile.open(path, "r:gz") as tar:
        for count, member in enumerate(tar):
            if count >= _MAX_MEMBERS:
                raise InvalidArgumentError(f"{filename} has more than {_MAX_MEMBERS} members")
            _check_members(filename, [member.name])
            if member.isfile() and member.name.endswith("/PKG-INFO") and member.name.count("/") == 1:
                inner = tar.extractfile(member)
                assert inner is not None
                metadata = _bounded(filename, inner.read(_MAX_METADATA_BYTES + 1))
    if metadata is None:
        raise InvalidArgumentError(f"{filename} has no PKG-INFO")
    return metadata


def _check_members(filename: str, names: list[str]) -> None:
    if len(names) > _MAX_MEMBERS:
        raise InvalidArgumentError(f"{filename} has more than {_MAX_MEMBERS} members")
    for name in names:
        if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts or ":" in name.split("/")[0]:
            raise InvalidArgumentError(f"{filename} has a member {name[:100]!r}, which leads out of where it is unpacked")


def _bounded(filename: str, data: bytes) -> bytes:
    if len(data) > _MAX_METADATA_BYTES:
        raise InvalidArgumentError(f"the metadata of {filename} has more than {_MAX_METADATA_BYTES} bytes")
    return data
