"""Dataset.list_files: the names of files that patterns fit."""

from __future__ import annotations

from typing import Any

from headrace.core import dtypes
from headrace.core.errors import InvalidArgumentError
from headrace.data.pipeline.elements import take_apart
from headrace.data.pipeline.seeds import Seeds
from headrace.data.pipeline.shuffling import Shuffle
from headrace.data.pipeline.sources import Slices
from headrace.data.pipeline.stage import UNKNOWN, Stage
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.dispatch.tensor import EagerTensor


def listed(file_pattern: Any, shuffle: Any = None, seed: Any = None) -> Stage:
    """The names of the files that a pattern, or several, fit, in order or shuffled anew for each pass.

    Raises:
        InvalidArgumentError: there are none.
    """
    pattern = convert_to_tensor(file_pattern, dtypes.string)
    names = get("MatchingFiles")(pattern)
    if isinstance(names, EagerTensor) and isinstance(pattern, EagerTensor) and not names.array.size:
        wanted = ", ".join(item.decode(errors="replace") for item in pattern.array.ravel().tolist())
        raise InvalidArgumentError(f"No files matched pattern: {wanted}; check the path and the working folder")
    stage: Stage = Slices(*take_apart(names))
    return Shuffle(stage, UNKNOWN, Seeds(seed, True)) if shuffle is None or shuffle else stage
