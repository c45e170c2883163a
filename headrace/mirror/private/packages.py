"""What an uploaded file must be: a wheel or a source archive whose own metadata says what its name says."""

from __future__ import annotations

import email.parser
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.index.names import check_filename, normalize
from headrace.mirror.private.members import BoundedGzip, Members

_MAX_METADATA_BYTES = 4 << 20


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
    metadata = metadata_of(filename, path)
    fields = email.parser.BytesParser().parsebytes(metadata, headersonly=True)
    _check_same(filename, name, version, str(fields["Name"] or ""), str(fields["Version"] or ""))
    python = " ".join(str(fields["Requires-Python"] or "").split())
    try:
        SpecifierSet(python)
    except InvalidSpecifier:
        raise InvalidArgumentError(
            f"{filename} asks for Python {python[:80]!r}, which is no range of versions, such as '>=3.9'"
        ) from None
    return Package(str(name), str(version), python, metadata if wheel else None)


def metadata_of(filename: str, path: Path) -> bytes:
    """The core metadata in a wheel or source archive.

    Raises:
        InvalidArgumentError: it cannot be opened, or has none.
    """
    try:
        return _of_wheel(filename, path) if filename.endswith(".whl") else _of_archive(filename, path)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InvalidArgumentError(f"{filename} cannot be opened: {error}") from None


def version_of(filename: str) -> Version | None:
    """The version that the name of a wheel or source archive says; None when it says none."""
    try:
        return parse_wheel_filename(filename)[1] if filename.endswith(".whl") else parse_sdist_filename(filename)[1]
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None


def _check_same(filename: str, name: str, version: Version, inner_name: str, inner_version: str) -> None:
    try:
        same = normalize(inner_name) == name and Version(inner_version) == version
    except (InvalidArgumentError, InvalidVersion):
        same = False
    if not same:
        raise InvalidArgumentError(f"{filename} says inside that it is {inner_name[:80]!r} {inner_version[:40]!r}; build it anew")


def _of_wheel(filename: str, path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        Members(filename, path.stat().st_size).zip(archive)
        found = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA") and each.count("/") == 1]
        if len(found) != 1:
            raise InvalidArgumentError(f"{filename} has {len(found)} METADATA files; a wheel has one")
        with archive.open(found[0]) as file:
            return _bounded(filename, file.read(_MAX_METADATA_BYTES + 1))


def _of_archive(filename: str, path: Path) -> bytes:
    members = Members(filename, path.stat().st_size)
    if filename.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            members.zip(archive)
            found = [each for each in archive.namelist() if each.endswith("/PKG-INFO") and each.count("/") == 1]
            if not found:
                raise InvalidArgumentError(f"{filename} has no PKG-INFO")
            with archive.open(found[0]) as file:
                return _bounded(filename, file.read(_MAX_METADATA_BYTES + 1))
    metadata = None
    with path.open("rb") as packed, BoundedGzip(packed, members.limit) as raw, tarfile.open(fileobj=raw, mode="r:") as tar:
        for member in tar:
            members.tar(tar, member)
            if member.isfile() and member.name.endswith("/PKG-INFO") and member.name.count("/") == 1:
                inner = tar.extractfile(member)
                assert inner is not None
                metadata = _bounded(filename, inner.read(_MAX_METADATA_BYTES + 1))
    if metadata is None:
        raise InvalidArgumentError(f"{filename} has no PKG-INFO")
    return metadata


def _bounded(filename: str, data: bytes) -> bytes:
    if len(data) > _MAX_METADATA_BYTES:
        raise InvalidArgumentError(f"the metadata of {filename} has more than {_MAX_METADATA_BYTES} bytes")
    return data


def identity(filename: str) -> tuple[object, ...]:
    """What a file's name means. Two names that mean the same are the same file to an installer."""
    try:
        if filename.endswith(".whl"):
            name, version, build, tags = parse_wheel_filename(filename)
            return name, version, build, tags
        project, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return (filename,)
    return project, version, filename.endswith(".zip")
