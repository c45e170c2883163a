"""Assets: files that a saved model carries with it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from headrace.dispatch.tensor import PathTensor
from headrace.state.tracking import Trackable


class Asset(Trackable):
    """A file that `tf.saved_model.save` copies into the model.

    Args:
        path: the file; after the model was loaded it is the copy's.
    """

    def __init__(self, path: Any) -> None:
        given = path.numpy() if hasattr(path, "numpy") else path
        name = np.empty((), object)
        name[()] = os.fsencode(given)
        self._path = PathTensor(name)

    @property
    def asset_path(self) -> PathTensor:
        """The path, a string tensor; a traced function keeps it as a reference to the file, not as a constant."""
        return self._path

    def __fspath__(self) -> str:
        return os.fsdecode(self._path.array.item())
