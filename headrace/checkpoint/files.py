"""The files of checkpoints: put in place so that nobody sees half of one, and found again by the file `checkpoint`."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headrace.checkpoint.bundle import Piece, index_path, shard_path, write_shards
from headrace.core import durable
from headrace.core.dtypes import DType
from headrace.core.errors import DataLossError

STATE_FILE = "checkpoint"
_STALE_SECONDS = 3600.0
_MOST_STATE_BYTES = 1 << 24
_LINE = re.compile(r'(\w+)\s*:\s*(?:"((?:[^"\\]|\\.)*)"|([-+.\w]+))')
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def publish(prefix: Path, shards: Sequence[Sequence[Piece]], kinds: Mapping[str, DType]) -> None:
    """Writes a checkpoint, a data file a shard; its index appears last, and complete.

    A process that is killed leaves hidden files ending in `.partial`, and no index.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    work = prefix.with_name(f".{prefix.name}.{secrets.token_hex(6)}.partial")
    count = len(shards)
    try:
        write_shards(work, shards, kinds)
        # The old index goes first: it would not fit the new data.
        index_path(prefix).unlink(missing_ok=True)
        for number in range(count):
            shard_path(work, number, count).replace(shard_path(prefix, number, count))
        index_path(work).replace(index_path(prefix))
        durable.sync(prefix.parent)
        for path in _data_files(prefix):
            if not path.name.endswith(f"-of-{count:05d}"):
                path.unlink(missing_ok=True)  # of a checkpoint of this name with another number of data files
    finally:
        for path in (*(shard_path(work, number, count) for number in range(count)), index_path(work)):
            path.unlink(missing_ok=True)


def exists(prefix: Path) -> bool:
    """True when there is a checkpoint of that prefix."""
    return index_path(prefix).is_file()


def remove(prefix: Path) -> None:
    """Removes a checkpoint, its index first."""
    index_path(prefix).unlink(missing_ok=True)
    for path in _data_files(prefix):
        path.unlink(missing_ok=True)


def _data_files(prefix: Path) -> list[Path]:
    return list(prefix.parent.glob(f"{_literal(prefix.name)}.data-?????-of-?????"))


def sweep(folder: Path, name: str) -> None:
    """Removes what killed processes left behind more than an hour ago of checkpoints whose names begin with `name`."""
    for path in folder.glob(f".{_literal(name)}*.partial.*"):
        if path.stat().st_mtime < time.time() - _STALE_SECONDS:
            path.unlink(missing_ok=True)


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


@dataclass
class CheckpointState:
    """What the file `checkpoint` says.

    Attributes:
        model_checkpoint_path: the prefix of the latest checkpoint.
        all_model_checkpoint_paths: the prefixes of all, the oldest first.
        all_model_checkpoint_timestamps: when they were written, in seconds since 1970.
        last_preserved_timestamp: when the last one was written that is kept for good.
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float = 0.0


def write_state(folder: Path, state: CheckpointState, name: str | None = None) -> None:
    """Replaces the state file; paths in the same folder are written relative to it."""
    lines = [f'model_checkpoint_path: "{_quoted(_relative(folder, state.model_checkpoint_path))}"']
    lines += [f'all_model_checkpoint_paths: "{_quoted(_relative(folder, path))}"' for path in state.all_model_checkpoint_paths]
    lines += [f"all_model_checkpoint_timestamps: {stamp!r}" for stamp in state.all_model_checkpoint_timestamps]
    if state.last_preserved_timestamp:
        lines.append(f"last_preserved_timestamp: {state.last_preserved_timestamp!r}")
    target = folder / (name or STATE_FILE)
    durable.write(target, ("\n".join(lines) + "\n").encode())


def read_state(folder: Path, name: str | None = None) -> CheckpointState | None:
    """What the state file says, None when there is none; paths are joined with the folder.

    Raises:
        DataLossError: it cannot be understood.
    """
    path = folder / (name or STATE_FILE)
    if not path.is_file():
        return None
    if path.stat().st_size > _MOST_STATE_BYTES:
        raise DataLossError(f"{path} takes {path.stat().st_size} bytes; it is no file of checkpoint states")
    state = CheckpointState()
    try:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                _take(state, line, f"line {number} of {path}", folder)
    except UnicodeDecodeError as error:
        raise DataLossError(f"{path} is damaged: {error}") from None
    return state


def _take(state: CheckpointState, line: str, where: str, folder: Path) -> None:
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise DataLossError(f"{where} is damaged: {line[:80]!r}")
    key, text, number = found.groups()
    try:
        if key in ("model_checkpoint_path", "all_model_checkpoint_paths") and text is not None:
            path = str(folder / _unquoted(text))
            if key == "model_checkpoint_path":
                state.model_checkpoint_path = path
            else:
                state.all_model_checkpoint_paths.append(path)
        elif key == "all_model_checkpoint_timestamps":
            state.all_model_checkpoint_timestamps.append(float(number))
        elif key == "last_preserved_timestamp":
            state.last_preserved_timestamp = float(number)
    except (TypeError, ValueError):
        raise DataLossError(f"{where} is damaged: {line[:80]!r}") from None


def _relative(folder: Path, path: str) -> str:
    return os.path.relpath(path, folder) if Path(path).parent == folder else os.path.abspath(path)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)


def latest(folder: Path, name: str | None = None) -> str | None:
    """The prefix of the latest checkpoint of a folder, None when the state file names none that is there."""
    state = read_state(folder, name)
    found = "" if state is None else state.model_checkpoint_path
    return found if found and exists(Path(found)) else None


def present(paths: Sequence[str]) -> list[str]:
    """Those of the prefixes that are there."""
    return [path for path in paths if exists(Path(path))]
