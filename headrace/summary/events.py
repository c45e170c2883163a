"""Writing event files: TFRecord files of Event messages."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from headrace.data.tfrecord import TFRecordWriter
from headrace.proto.messages import Event, serialize

VERSION = "brain.Event:2"
"""What the first event of a file says."""


def write_graph(logdir: str | os.PathLike[str], graph_def: Any) -> Path:
    """Writes an event file with a GraphDef, so that TensorBoard's graph tab shows it.

    Args:
        logdir: the folder that TensorBoard is given; made if missing.
        graph_def: a GraphDef message.

    Returns:
        The file.
    """
    folder = Path(logdir)
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time()
    path = folder / f"events.out.tfevents.{int(now)}.headrace.{os.getpid()}"
    partial = path.with_suffix(".partial")
    with TFRecordWriter(partial) as writer:
        writer.write(serialize(Event(wall_time=now, file_version=VERSION)))
        writer.write(serialize(Event(wall_time=now, graph_def=serialize(graph_def))))
    partial.replace(path)
    return path
