"""Reads requirements files: what is asked for, which contents are pinned, and what in them does not count here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from headrace.core.errors import InvalidArgumentError
from headrace.mirror.index.names import normalize

_MAX_BYTES = 32 << 20
_COMMENT = re.compile(r"(^|\s+)#.*$")
_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")
_FILES = {"-r": "requirements", "--requirement": "requirements", "-c": "constraints", "--constraint": "constraints"}
_IGNORED = {
    "-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links", "--trusted-host", "--prefer-binary",
    "--only-binary", "--no-binary", "--require-hashes", "--use-feature", "--pre",
}  # fmt: skip
"""Options of pip's that say where to look or what to prefer: the mirror and its command line decide on that."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A line of a file, or an argument.

    Attributes:
        requirement: it.
        hashes: the sha256 of the files that may be taken; empty lets all.
        place: where it stands.
    """

    requirement: Requirement
    hashes: frozenset[str]
    place: str

    @property
    def project(self) -> str:
        """The normal name."""
        return normalize(self.requirement.name)


@dataclass(slots=True)
class Request:
    """What is asked for.

    Attributes:
        requirements: what is wanted.
        constraints: what its versions must be, when it is wanted.
        ignored: options in the files that do not count here, with their places.
    """

    requirements: list[Asked] = field(default_factory=list)
    constraints: list[Asked] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    def pinned_contents(self) -> dict[str, frozenset[str]]:
        """The sha256 of the files that may be taken of a project, by its normal name; others may all be taken."""
        found: dict[str, frozenset[str]] = {}
        for asked in (*self.requirements, *self.constraints):
            if asked.hashes:
                found[asked.project] = found.get(asked.project, frozenset()) | asked.hashes
        return found


def read_request(files: Sequence[Path], constraints: Sequence[Path], arguments: Sequence[str]) -> Request:
    """Reads files, those that they name included, and arguments such as `numpy==2.1`.

    Raises:
        InvalidArgumentError: a file cannot be read, or a line is not one that a mirror can follow; it is named.
    """
    request = Request()
    seen: set[tuple[str, Path]] = set()
    for kind, paths in (("requirements", files), ("constraints", constraints)):
        for path in paths:
            _read(request, kind, path, seen)
    request.requirements += [_parse(text, f"the argument {text!r}") for text in arguments]
    if not request.requirements:
        raise InvalidArgumentError("nothing is asked for; name a requirements file (-r FILE) or requirements such as numpy==2.1")
    return request


def _read(request: Request, kind: str, path: Path, seen: set[tuple[str, Path]]) -> None:
    if (kind, path.resolve()) in seen:
        return
    seen.add((kind, path.resolve()))
    for number, line in _lines(path):
        place = f"{path}:{number}"
        option, _, rest = line.replace("=", " ", 1).partition(" ") if line.startswith("--") else line.partition(" ")
        if line.startswith("-") and not line.startswith("--") and len(option) > 2:  # -rFILE
            option, rest = line[:2], line[2:]
        if option in _FILES:
            _read(request, _FILES[option], path.parent / rest.strip(), seen)
        elif option in _IGNORED:
            request.ignored.append(f"{place}: {option}")
        elif option.startswith("-"):
            raise InvalidArgumentError(f"{place}: {option} is not for a mirror; expected requirements with names and versions")
        else:
            getattr(request, kind).append(_parse(line, place))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that say something, continued ones joined, with the number of their first."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InvalidArgumentError(f"{path} has more than {_MAX_BYTES} bytes; that is no requirements file")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"the requirements file {path} cannot be read: {error}") from None
    start, joined = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        if not joined:
            start = number
        line = _COMMENT.sub("", line)
        if line.endswith("\\"):
            joined += f"{line[:-1]} "
            continue
        joined += line
        if joined.strip():
            yield start, joined.strip()
        joined = ""
    if joined.strip():
        yield start, joined.strip()


def _parse(text: str, place: str) -> Asked:
    bare, _, options = text.partition(" --")
    hashes = _hashes(f"--{options}" if options else "", place)
    try:
        requirement = Requirement(bare)
    except InvalidRequirement as error:
        raise InvalidArgumentError(f"{place}: {bare[:200]!r} is no requirement with a name: {error}") from None
    if requirement.url is not None:
        raise InvalidArgumentError(f"{place}: {requirement.name} is asked for by a URL; a mirror brings what is on its upstreams")
    return Asked(requirement, hashes, place)


def _hashes(options: str, place: str) -> frozenset[str]:
    found = set()
    words = iter(shlex.split(options.replace("--hash ", "--hash=")))
    for word in words:
        name, _, value = word.partition("=")
        match = _HASH.fullmatch(value)
        if name != "--hash" or match is None:
            raise InvalidArgumentError(f"{place}: {word[:100]!r} is not understood; expected --hash=sha256: and 64 digits")
        found.add(match[1].lower())
    return frozenset(found)
