"""tf.train.Checkpoint: the values of the variables below an object, saved and restored."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headrace.checkpoint import files
from headrace.checkpoint.bundle import BundleReader
from headrace.checkpoint.object_graph import GRAPH_KEY, Numbered, check_trackable, stored_graph
from headrace.checkpoint.restoring import NamedStatus, Restoration, Status
from headrace.checkpoint.sharding import ShardingCallback, planned
from headrace.core import dtypes
from headrace.core.dtypes import DType
from headrace.core.errors import FailedPreconditionError
from headrace.dispatch import context
from headrace.proto.messages import serialize
from headrace.state import tracking
from headrace.state.tracking import AutoTrackable
from headrace.state.variable import Variable


@dataclass
class CheckpointOptions:
    """Choices of `Checkpoint.save` and its like.

    Attributes:
        experimental_io_device: accepted for TensorFlow's sake, without effect.
        experimental_enable_async_checkpoint: the same as `enable_async`.
        experimental_write_callbacks: functions that are called when a checkpoint is written, with its path if they take it.
        enable_async: `save` and `write` return once the values are copied to the host; a thread writes them.
        experimental_skip_slot_variables: `read` and `restore` leave the slots of optimizers as they are.
        experimental_sharding_callback: spreads the tensors over several data files; see `tf.train.experimental`.

    Raises:
        ValueError: the sharding callback is none.
        AssertionError: a write callback takes more than one argument.
    """

    experimental_io_device: str | None = None
    experimental_enable_async_checkpoint: bool = False
    experimental_write_callbacks: Sequence[Callable[..., Any]] | None = None
    enable_async: bool = False
    experimental_skip_slot_variables: bool = False
    experimental_sharding_callback: ShardingCallback | None = None

    def __post_init__(self) -> None:
        self.enable_async = self.experimental_enable_async_checkpoint = (
            self.enable_async or self.experimental_enable_async_checkpoint
        )
        sharding = self.experimental_sharding_callback
        if sharding is not None and not isinstance(sharding, ShardingCallback):
            raise ValueError(f"experimental_sharding_callback is {sharding!r}; expected a tf.train.experimental.ShardingCallback")
        for call in self.experimental_write_callbacks or ():
            if len(inspect.signature(call).parameters) > 1:
                raise AssertionError(f"the write callback {call!r} takes more than one argument; expected none, or the path")

    def written(self, path: str) -> None:
        """Calls the write callbacks."""
        for call in self.experimental_write_callbacks or ():
            call(*(path,) * len(inspect.signature(call).parameters))


class Checkpoint(AutoTrackable):
    """A set of objects whose variables are saved together; each keyword argument becomes an attribute.

    Args:
        root: an object whose own children are saved as those of the checkpoint.
        kwargs: objects by name: variables, modules, optimizers, lists and dicts of these.

    Raises:
        ValueError: an argument holds nothing that could be saved, or `root` has another object under the same name.
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        self._self_root = root
        self._self_writer: threading.Thread | None = None
        self._self_failure: BaseException | None = None
        if root is not None:
            check_trackable(root, "the root of a Checkpoint")
            below = tracking.children(root)
            for name, value in kwargs.items():
                if below.get(name, value) is not value:
                    raise ValueError(f"the root of the Checkpoint has another object named {name!r}; choose another name")
        for name, value in kwargs.items():
            check_trackable(value, f"the argument {name!r} of a Checkpoint")
            setattr(self, name, value)

    def trackable_children(self) -> dict[str, Any]:
        """The arguments, and the children of the root."""
        below = {} if self._self_root is None else tracking.children(self._self_root)
        return below | super().trackable_children()

    def _counter(self) -> Variable:
        counter: Variable | None = vars(self).get("save_counter")
        if counter is None:
            with context.init_scope():
                counter = Variable(0, trainable=False, name="save_counter", dtype=dtypes.int64)
            self.save_counter = counter
        return counter

    def save(self, file_prefix: str | os.PathLike[str], options: CheckpointOptions | None = None) -> str:
        """Writes a checkpoint with the next number, and notes it as the latest of its folder.

        Args:
            file_prefix: path whose last part is followed by "-1", "-2" and so on.
            options: see CheckpointOptions.

        Returns:
            The path to restore from.

        Raises:
            FailedPreconditionError: called inside a tf.function, or a variable has no value.
        """
        _check_eager("save")
        number = int(self._counter().assign_add(1).numpy())
        prefix = f"{os.fspath(file_prefix)}-{number}"

        def note() -> None:
            path = Path(prefix)
            files.write_state(path.parent, files.CheckpointState(prefix, [prefix], [time.time()]))

        return self.write_then(prefix, options, note)

    def write(self, file_prefix: str | os.PathLike[str], options: CheckpointOptions | None = None) -> str:
        """Writes a checkpoint under exactly that path, without a number and without noting it.

        Raises:
            FailedPreconditionError: called inside a tf.function, or a variable has no value.
        """
        _check_eager("write")
        return self.write_then(os.fspath(file_prefix), options, lambda: None)

    def write_then(self, prefix: str, options: CheckpointOptions | None, then: Any) -> str:
        """Writes a checkpoint and calls `then`; in a thread when `options` say so."""
        self.sync()
        options = options or CheckpointOptions()
        tensors, kinds, owners = _contents(self)
        if options.enable_async:
            tensors = {key: np.array(array) for key, array in tensors.items()}
        shards = planned(options.experimental_sharding_callback, tensors, kinds, owners)

        def publish() -> None:
            files.publish(Path(prefix), shards, kinds)
            then()
            options.written(prefix)

        if options.enable_async:
            self._self_writer = threading.Thread(target=self._guarded, args=(publish,), name="headrace-checkpoint")
            self._self_writer.start()
        else:
            publish()
        return prefix

    def _guarded(self, publish: Callable[[], None]) -> None:
        try:
            publish()
        except BaseException as error:  # noqa: BLE001 - raised again by sync
            self._self_failure = error

    def sync(self) -> None:
        """Waits for a checkpoint that is being written by a thread.

        Raises:
            Exception: what went wrong in that thread.
        """
        if self._self_writer is not None:
            self._self_writer.join()
            self._self_writer = None
        failure, self._self_failure = self._self_failure, None
        if failure is not None:
            raise failure

    def read(self, save_path: str | os.PathLike[str], options: CheckpointOptions | None = None) -> Status:
        """Restores what `write` wrote.

        Values are assigned at once; variables that are made later get theirs when they become attributes.

        Raises:
            NotFoundError: there is no such checkpoint.
            DataLossError: it is damaged.
            ValueError: a value's shape or dtype does not fit its variable.
            FailedPreconditionError: called inside a tf.function.
        """
        _check_eager("read")
        self.sync()
        reader = BundleReader(os.fspath(save_path))
        graph = stored_graph(reader)
        if graph is None:
            return NamedStatus(reader, self)
        skip = options is not None and options.experimental_skip_slot_variables
        return Status(Restoration(reader, graph, self, skip_slots=skip), os.fspath(save_path))

    def restore(self, save_path: str | os.PathLike[str] | None, options: CheckpointOptions | None = None) -> Status:
        """Restores what `save` wrote, the number of the last save included; see `read`.

        Args:
            save_path: what `save` returned, a folder with a SavedModel or checkpoints, or None, for which nothing happens.
            options: see CheckpointOptions.
        """
        if save_path is None:
            return InitialStatus(self)
        path = _resolved(save_path)
        _check_eager("restore")
        self._counter()
        return self.read(path, options)


class InitialStatus(Status):
    """What `restore(None)` returns."""

    def __init__(self, root: Checkpoint) -> None:
        self._root = root

    def assert_consumed(self) -> Status:
        """Raises: there was no checkpoint."""
        raise AssertionError("no checkpoint was given to restore(None)")

    def assert_existing_objects_matched(self, *, with_state: bool = True) -> Status:
        """Raises: there was no checkpoint."""
        return self.assert_consumed()

    def assert_nontrivial_match(self) -> Status:
        """Raises: there was no checkpoint."""
        return self.assert_consumed()


def _check_eager(method: str) -> None:
    if not context.executing_eagerly():
        raise FailedPreconditionError(f"tf.train.Checkpoint.{method} was called inside a tf.function; call it outside")


def _contents(root: Any) -> tuple[dict[str, Any], dict[str, DType], dict[str, Any]]:
    """The arrays of a checkpoint by key, the dtypes that they do not tell, and the object of each."""
    numbered = Numbered(root)
    tensors = numbered.tensors()
    blob = np.empty((), dtype=object)
    blob[()] = serialize(numbered.graph())
    owners = {key: numbered.objects[number] for number, key in numbered.keys.items()}
    kinds = {key: v.dtype for key, v in owners.items() if isinstance(v, Variable) and v.dtype.is_quantized}
    return tensors | {GRAPH_KEY: blob}, kinds, owners


def _resolved(save_path: str | os.PathLike[str]) -> str:
    """A path as it is; of a SavedModel's folder that of its variables, of a folder of checkpoints that of the latest."""
    path = Path(save_path)
    if path.is_dir():
        if files.exists(path / "variables" / "variables"):
            return str(path / "variables" / "variables")
        found = files.latest(path)
        if found is not None:
            return found
    return os.fspath(save_path)
