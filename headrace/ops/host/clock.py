"""The time of day."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from headrace.dispatch.opdef import op


@op("Timestamp", " -> ts: float64", host_only=True, stateful=True, differentiable=False, shape=lambda: ())
def timestamp() -> Any:
    """Seconds since 1970, as a float64 scalar."""
    return np.float64(time.time())
