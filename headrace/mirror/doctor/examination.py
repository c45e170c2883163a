"""All looks in the order in which what is wrong with one explains what is wrong with the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.mirror.clients.tools import Mirror
from headrace.mirror.doctor import machine
from headrace.mirror.doctor.clients import configured
from headrace.mirror.doctor.findings import Finding
from headrace.mirror.doctor.serving import Visit
from headrace.mirror.doctor.upstream import Way


@dataclass(frozen=True, slots=True)
class Examination:
    """What is looked at.

    Attributes:
        root: the folder of the mirror; None where it is on another machine.
        upstreams: names and URLs.
        mirror: where it answers.
        project: that is asked for, of which a small file is fetched.
        timeout: in seconds, of each step.
        readers: read files of the configuration, by what they are.
        clock: seconds since 1970.
    """

    root: Path | None
    upstreams: tuple[tuple[str, str], ...]
    mirror: Mirror
    project: str
    timeout: float
    readers: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    clock: Callable[[], float] = time.time

    def findings(self) -> Iterator[Finding]:
        """One after the other, as they come."""
        yield machine.installed()
        yield from machine.configuration(dict(self.readers))
        if self.root is not None:
            yield from machine.folder(self.root)
        for name, url in self.upstreams:
            yield from Way(name, url, self.project, self.timeout, self.clock).look()
        yield from Visit(self.mirror, self.project, self.timeout).look()
        yield from configured(self.mirror)
