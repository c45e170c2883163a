"""Looking into checkpoints without the objects that they were made of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from headrace.checkpoint import files
from headrace.checkpoint.bundle import BundleReader
from headrace.core.dtypes import DType


class CheckpointReader:
    """The tensors of a checkpoint by name."""

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        """Opens a checkpoint.

        Raises:
            NotFoundError: there is none.
            DataLossError: its index is damaged.
        """
        self._reader = BundleReader(prefix)

    def has_tensor(self, tensor_str: str) -> bool:
        """True when there is a tensor of that name."""
        return tensor_str in self._reader

    def get_tensor(self, tensor_str: str) -> Any:
        """The tensor of that name as a numpy array; a scalar string as bytes.

        Raises:
            NotFoundError: there is none.
            DataLossError: it is damaged.
        """
        array = self._reader.read(tensor_str)
        return array[()] if array.dtype.kind == "O" and array.ndim == 0 else array

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shapes by name."""
        return {key: list(self._reader.spec(key)[1]) for key in self._reader}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """The dtypes by name."""
        return {key: self._reader.spec(key)[0] for key in self._reader}

    def debug_string(self) -> bytes:
        """A line a tensor: name, dtype and shape."""
        lines = []
        for key in sorted(self._reader):
            dtype, shape = self._reader.spec(key)
            lines.append(f"{key} (DT_{dtype.name.upper()}) [{','.join(map(str, shape))}]")
        return "\n".join(lines).encode()


def load_checkpoint(ckpt_dir_or_file: str | os.PathLike[str]) -> CheckpointReader:
    """A reader of a checkpoint, or of the latest of a folder.

    Raises:
        ValueError: the folder has no checkpoint.
        NotFoundError: there is no such checkpoint.
        DataLossError: its index is damaged.
    """
    path = Path(ckpt_dir_or_file)
    if not path.is_dir():
        return CheckpointReader(path)
    found = files.latest(path)
    if found is None:
        raise ValueError(f"there is no checkpoint in the folder {str(path)!r}")
    return CheckpointReader(found)


def list_variables(ckpt_dir_or_file: str | os.PathLike[str]) -> list[tuple[str, list[int]]]:
    """Names and shapes of a checkpoint's tensors, sorted by name; raises as `load_checkpoint`."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: str | os.PathLike[str], name: str) -> Any:
    """One tensor of a checkpoint; ":0" at the end of its name is left aside. Raises as `load_checkpoint`."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def latest_checkpoint(checkpoint_dir: str | os.PathLike[str], latest_filename: str | None = None) -> str | None:
    """The path of the latest checkpoint of a folder, None when there is none."""
    return files.latest(Path(checkpoint_dir), latest_filename)


def get_checkpoint_state(
    checkpoint_dir: str | os.PathLike[str], latest_filename: str | None = None
) -> files.CheckpointState | None:
    """What the state file of a folder says, with whole paths; None when there is none.

    Raises:
        DataLossError: it is damaged.
    """
    return files.read_state(Path(checkpoint_dir), latest_filename)
