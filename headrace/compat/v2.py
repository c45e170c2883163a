"""tf.compat.v2: the names of TensorFlow 2, which are those of `headrace` itself."""

from __future__ import annotations

import sys
from typing import Any

_PACKAGE = __name__.partition(".")[0]


def __getattr__(name: str) -> Any:
    return getattr(sys.modules[_PACKAGE], name)


def __dir__() -> list[str]:
    return dir(sys.modules[_PACKAGE])
