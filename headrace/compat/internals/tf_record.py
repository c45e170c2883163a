"""tensorflow.python.lib.io.tf_record: reading record files."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.data import tfrecord


def tf_record_iterator(path: str, options: object = None) -> Iterator[bytes]:
    """The records of a file, in order.

    Args:
        path: of the file.
        options: a compression type or TFRecordOptions.
    """
    compression = getattr(options, "compression_type", options) or ""
    return tfrecord.read(path, str(compression))
