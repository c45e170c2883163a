"""Applies a configuration file again whenever it changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headrace.core.errors import OpError
from headrace.core.log_lines import fields
from headrace.proto.serving import ModelServerConfig
from headrace.serving.configuration import text
from headrace.serving.reload import ReloadResult
from headrace.serving.watching import Watching

logger = logging.getLogger(__name__)


class ConfigWatcher:
    """Polls a file with a ModelServerConfig on a thread of its own.

    A file that is refused leaves the models as they are. It is tried again at every look, since it may name a label of a
    version that is still loading; its error is logged once.

    Args:
        path: the file.
        poll_seconds: wait between two looks.
        current: the configuration in use.
        reload: replaces the list of models, as Models.reload does.
        on_error: told of a file that could not be read; `reload` tells of its own errors.
    """

    def __init__(
        self,
        path: Path,
        poll_seconds: float,
        current: Any,
        reload: Callable[[Any], ReloadResult],
        on_error: Callable[[OpError], None],
    ) -> None:
        self._path = path
        self._applied = current
        self._applied_text: bytes | None = None
        self._reload = reload
        self._on_error = on_error
        self._complaint = ""
        self._watching = Watching(self.look, poll_seconds, "configuration")

    def start(self) -> None:
        """Starts to look at the file."""
        self._watching.start()

    def stop(self, timeout: float) -> None:
        """Ends the thread; waits `timeout` seconds for a reload in progress."""
        self._watching.stop(timeout)

    def look(self) -> bool:
        """Looks at the file once. Returns true when it was applied."""
        try:
            data = text.load(self._path)
            if data == self._applied_text:  # to parse a long text takes a while, in which requests would have to wait
                self._complaint = ""
                return False
            config = text.parse(data, ModelServerConfig, str(self._path))
        except OpError as error:
            self._complain(error)
            self._on_error(error)
            return False
        if config == self._applied:
            self._applied_text, self._complaint = data, ""
            return False
        try:
            result = self._reload(config)
        except OpError as error:
            self._complain(error)
            return False
        if result.error is not None:
            self._complain(result.error)
            return False
        self._applied, self._applied_text, self._complaint = config, data, ""
        logger.info("configuration applied", extra=fields(path=self._path, models=len(config.model_config_list.config)))
        return True

    def _complain(self, error: OpError) -> None:
        """Logs a trouble with the file once, not at every look."""
        if error.message != self._complaint and not self._watching.ending.is_set():
            logger.error("the configuration is not applied: %s", error.message, extra=fields(path=self._path, code=error.code))
        self._complaint = error.message
