"""tf.train.CheckpointManager: the last few checkpoints of a program, in one folder."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headrace.checkpoint import files
from headrace.checkpoint.store import Checkpoint, CheckpointOptions
from headrace.state.variable import Variable


class CheckpointManager:
    """Saves a Checkpoint again and again, and deletes what is old.

    Args:
        checkpoint: what is saved.
        directory: the folder, which is made when it is missing; checkpoints that its state file names are managed too.
        max_to_keep: how many to keep; None keeps all.
        keep_checkpoint_every_n_hours: of those that would be deleted one is kept for good each time so many hours have passed.
        checkpoint_name: what the names of the files begin with.
        step_counter: a variable with the present step, for `checkpoint_interval`.
        checkpoint_interval: `save` does nothing until so many steps have passed since the last checkpoint.
        init_fn: what `restore_or_initialize` calls where there is nothing to restore.
        last_checkpoint_step: the step of the latest checkpoint, from which `checkpoint_interval` counts.

    Raises:
        ValueError: `max_to_keep` is not positive, or an interval is given without a counter.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: str | os.PathLike[str],
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Variable | None = None,
        checkpoint_interval: int | None = None,
        init_fn: Callable[[], Any] | None = None,
        last_checkpoint_step: int | None = None,
    ) -> None:
        if max_to_keep is not None and max_to_keep <= 0:
            raise ValueError(f"max_to_keep must be None or a positive number; got {max_to_keep}")
        if checkpoint_interval is not None and step_counter is None:
            raise ValueError("checkpoint_interval needs a step_counter; pass the variable that counts steps")
        self._checkpoint = checkpoint
        self._folder = Path(directory)
        self._max_to_keep = max_to_keep
        self._hours = keep_checkpoint_every_n_hours
        self._name = checkpoint_name
        self._step_counter = step_counter
        self._interval = checkpoint_interval
        self._init_fn = init_fn
        self._last_step = last_checkpoint_step
        self._kept: deque[tuple[str, float]] = deque()
        self._latest: str | None = None
        self._preserved = time.time()
        self._adopt()

    def _adopt(self) -> None:
        """Takes over what an earlier process left in the folder."""
        if not self._folder.is_dir():
            return
        files.sweep(self._folder, self._name)
        state = files.read_state(self._folder)
        if state is None:
            return
        stamps = state.all_model_checkpoint_timestamps
        if len(stamps) != len(state.all_model_checkpoint_paths):
            stamps = [time.time()] * len(state.all_model_checkpoint_paths)
        there = set(files.present(state.all_model_checkpoint_paths))
        self._kept.extend((p, s) for p, s in zip(state.all_model_checkpoint_paths, stamps, strict=True) if p in there)
        if state.model_checkpoint_path in there:
            self._latest = state.model_checkpoint_path
        self._preserved = state.last_preserved_timestamp or self._preserved

    @property
    def checkpoint(self) -> Checkpoint:
        """What is saved."""
        return self._checkpoint

    @property
    def directory(self) -> str:
        """The folder."""
        return str(self._folder)

    @property
    def checkpoint_interval(self) -> int | None:
        """The number of steps between two checkpoints."""
        return self._interval

    @property
    def latest_checkpoint(self) -> str | None:
        """The path of the latest checkpoint, None when there is none."""
        return self._latest

    @property
    def checkpoints(self) -> list[str]:
        """The paths of the checkpoints that are kept, the oldest first."""
        return [path for path, _ in self._kept]

    def save(
        self, checkpoint_number: Any = None, check_interval: bool = True, options: CheckpointOptions | None = None
    ) -> str | None:
        """Writes a checkpoint, unless the interval has not passed, and deletes those that are too many.

        Args:
            checkpoint_number: what its name ends in; by default the next number of the Checkpoint.
            check_interval: False writes whatever the interval says.
            options: see CheckpointOptions.

        Returns:
            The path to restore from, or None.
        """
        step = None if self._step_counter is None else int(self._step_counter.numpy())
        passed = None if step is None or self._last_step is None else step - self._last_step
        if check_interval and self._interval is not None and passed is not None and passed < self._interval:
            return None
        self._last_step = step
        counter = self._checkpoint._counter()
        number = int(counter.assign_add(1).numpy()) if checkpoint_number is None else _number(checkpoint_number)
        prefix = str(self._folder / f"{self._name}-{number}")
        return self._checkpoint.write_then(prefix, options, lambda: self._note(prefix))

    def _note(self, prefix: str) -> None:
        """Takes up a checkpoint that was written, and lets go of old ones once the state file does not name them."""
        self._kept = deque(pair for pair in self._kept if pair[0] != prefix)
        self._kept.append((prefix, time.time()))
        self._latest = prefix
        removed = []
        while self._max_to_keep is not None and len(self._kept) > self._max_to_keep:
            path, stamp = self._kept.popleft()
            if self._hours is not None and stamp - self._preserved >= self._hours * 3600:
                self._preserved = stamp
            else:
                removed.append(path)
        paths, stamps = [p for p, _ in self._kept], [s for _, s in self._kept]
        files.write_state(self._folder, files.CheckpointState(prefix, paths, stamps, self._preserved))
        for path in removed:
            files.remove(Path(path))

    def restore_or_initialize(self) -> str | None:
        """Restores the latest checkpoint; where there is none, calls `init_fn`.

        Returns:
            The path of the checkpoint, or None.
        """
        if self._latest is not None:
            self._checkpoint.restore(self._latest)
            if self._step_counter is not None:
                self._last_step = int(self._step_counter.numpy())
            return self._latest
        if self._init_fn is not None:
            self._init_fn()
        return None

    def sync(self) -> None:
        """Waits for a checkpoint that is being written by a thread; raises what went wrong there."""
        self._checkpoint.sync()


def _number(value: Any) -> int:
    return int(value.numpy()) if hasattr(value, "numpy") else int(value)
