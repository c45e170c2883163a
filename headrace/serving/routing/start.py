"""Traffic rules over the life of a server: read before models load, in force when requests come, followed until the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from headrace.serving.dataplane import Dataplane
from headrace.serving.routing.governor import Audit
from headrace.serving.routing.options import TrafficOptions
from headrace.serving.routing.rules import load, parse_toml
from headrace.serving.routing.traffic import Traffic
from headrace.serving.routing.watch import RulesWatcher

_CLOSE_SECONDS = 1.0


class TrafficService:
    """The rules of a server and the file that they come from.

    Args:
        dataplane: whose requests are routed.
        options: where rules come from.
        audit: told of every change.
        led: the process is one of several, and gets its rules from where all have theirs.

    Attributes:
        traffic: the rules at work.

    Raises:
        OpError: the file cannot be read, or says something wrong.
    """

    def __init__(self, dataplane: Dataplane, options: TrafficOptions, audit: Audit, led: bool = False) -> None:
        self._options = replace(options, file=None) if led else options
        options = self._options
        self._data = load(options.file) if options.file is not None else b""
        self._rules = parse_toml(self._data, str(options.file))
        self.traffic = Traffic(dataplane, options.remembered, audit)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Puts the rules in force, once the models have had their time to load, and follows the file until the block ends."""
        watcher: RulesWatcher | None = None
        try:
            if self._options.file is not None:
                self.traffic.begin(self._rules)
                if self._options.poll_seconds > 0:
                    watcher = RulesWatcher(self._options.file, self._options.poll_seconds, self.traffic, self._data)
                    watcher.start()
            yield
        finally:
            if watcher is not None:
                watcher.stop(_CLOSE_SECONDS)
            self.traffic.close(_CLOSE_SECONDS)
