"""Errors of access that say more than their code."""

from __future__ import annotations

import math
from typing import Any

from headrace.core.errors import ResourceExhaustedError


class RateLimitedError(ResourceExhaustedError):
    """A caller asks for more than it may.

    Attributes:
        retry_after_seconds: when to try again, in whole seconds.
    """

    def __init__(self, *arguments: Any, wait_seconds: float = 1.0, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.retry_after_seconds = max(1, math.ceil(min(wait_seconds, 3600.0)))
