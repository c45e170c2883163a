"""Chooses the files of a version: the wheels that fit the targets, and the source archive where there is none for one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headrace.mirror.index.filenames import told_by
from headrace.mirror.index.page import Document
from headrace.mirror.selection.resolving import Pin
from headrace.mirror.selection.targets import Target


@dataclass(frozen=True, slots=True)
class Fitting:
    """A file, and where it can be installed."""

    file: Document
    is_wheel: bool
    targets: tuple[Target, ...]


@dataclass(slots=True)
class Chosen:
    """The files of a version.

    Attributes:
        files: their entries in the page.
        built: the targets that have to build the source archive.
        missing: the targets that nothing is there for.
    """

    files: list[Document] = field(default_factory=list)
    built: list[Target] = field(default_factory=list)
    missing: list[Target] = field(default_factory=list)


def wanting(pin: Pin, targets: Sequence[Target]) -> list[Target]:
    """The targets that a pin is for."""
    return [target for target in targets if target.meets(pin.marker)]


def fitting(files: Sequence[Document], pin: Pin, targets: Sequence[Target]) -> list[Fitting]:
    """The files of the pinned version that fit one of the targets at least."""
    found = []
    for file in files:
        told = told_by(file["filename"])
        if told is None or told.version != pin.version:
            continue
        suited = [target for target in targets if target.suits(file.get("requires-python"))]
        if told.tags is not None:
            suited = [target for target in suited if not told.tags.isdisjoint(target.tags)]
        if suited:
            found.append(Fitting(file, told.tags is not None, tuple(suited)))
    return found


def choose(found: Sequence[Fitting], refused: Mapping[str, str], targets: Sequence[Target], sdists: bool) -> Chosen:
    """Those files that are taken.

    Args:
        found: the files that fit.
        refused: names of those that may not be taken.
        targets: where they are for.
        sdists: source archives are taken also beside wheels.
    """
    allowed = [each for each in found if each.file["filename"] not in refused]
    served = {target for each in allowed if each.is_wheel for target in each.targets}
    left = [target for target in targets if target not in served]
    archives = [each for each in allowed if not each.is_wheel]
    chosen = Chosen([each.file for each in allowed if each.is_wheel])
    if archives and (sdists or left):
        chosen.files += [each.file for each in archives]
        chosen.built = [target for target in left if any(target in each.targets for each in archives)]
    chosen.missing = [target for target in left if target not in chosen.built]
    return chosen
