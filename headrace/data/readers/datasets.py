"""tf.data.TFRecordDataset, TextLineDataset and FixedLengthRecordDataset."""

from __future__ import annotations

from typing import Any

from headrace.core.errors import InvalidArgumentError
from headrace.data.pipeline.dataset import Dataset
from headrace.data.pipeline.stage import Stage, known, number
from headrace.data.readers.blocks import LineReader, Opener, PieceReader
from headrace.data.readers.files import Files, compression_of, names_of
from headrace.data.records import BLOCK_BYTES, MAX_RECORD_BYTES, RecordReader


def _parallel(value: Any) -> Any:
    return None if value is None else number(value, "num_parallel_reads")


class TFRecordDataset(Dataset):
    """The records of TFRecord files, each a scalar string.

    Args:
        filenames: one name or several, a tensor of names, or a dataset of them; URLs as well.
        compression_type: '' (or None), 'GZIP' or 'ZLIB'.
        buffer_size: accepted for TensorFlow's sake; files are read a block of 1 MiB at a time.
        num_parallel_reads: so many files are read at once, by threads, and their records given by turns; AUTOTUNE for as many
            as there are processors. None: one file after the other.

    Raises:
        TypeError: the names are no strings.
        InvalidArgumentError: the compression type is unknown.
    """

    def __init__(
        self,
        filenames: Any,
        compression_type: Any = None,
        buffer_size: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ) -> None:
        kind = compression_of(compression_type)

        def reader(path: str, offset: int) -> RecordReader:
            return RecordReader(path, kind, MAX_RECORD_BYTES, BLOCK_BYTES, offset)

        super().__init__(Files(names_of(filenames), "TFRecordDataset", lambda: reader, _parallel(num_parallel_reads)))


class TextLineDataset(Dataset):
    """The lines of text files, each a scalar string without the characters that end it. Arguments as TFRecordDataset's."""

    def __init__(
        self,
        filenames: Any,
        compression_type: Any = None,
        buffer_size: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ) -> None:
        kind = compression_of(compression_type)

        def reader(path: str, offset: int) -> LineReader:
            return LineReader(path, kind, offset)

        super().__init__(Files(names_of(filenames), "TextLineDataset", lambda: reader, _parallel(num_parallel_reads)))


class FixedLengthRecordDataset(Dataset):
    """Pieces of one size of files, each a scalar string.

    Args:
        filenames: as TFRecordDataset's.
        record_bytes: the size of a piece.
        header_bytes: left out at the beginning of each file.
        footer_bytes: left out at its end.
        buffer_size: accepted for TensorFlow's sake.
        compression_type: '' (or None), 'GZIP' or 'ZLIB'.
        num_parallel_reads: as TFRecordDataset's.

    Raises:
        TypeError: the names are no strings.
        InvalidArgumentError: the compression type is unknown, or a size is out of range.
    """

    def __init__(
        self,
        filenames: Any,
        record_bytes: Any,
        header_bytes: Any = None,
        footer_bytes: Any = None,
        buffer_size: Any = None,
        compression_type: Any = None,
        num_parallel_reads: Any = None,
        name: str | None = None,
    ) -> None:
        sizes = [
            number(0 if value is None else value, what)
            for value, what in ((record_bytes, "record_bytes"), (header_bytes, "header_bytes"), (footer_bytes, "footer_bytes"))
        ]
        super().__init__(_Pieces(names_of(filenames), compression_of(compression_type), sizes, _parallel(num_parallel_reads)))


class _Pieces(Files):
    """Pieces whose sizes may be symbolic when the stage is made."""

    def __init__(self, names: Stage, compression: str, sizes: list[Any], parallel: Any) -> None:
        self._sizes = sizes
        self._compression = compression
        super().__init__(names, "FixedLengthRecordDataset", self.opener, parallel)

    def check(self) -> None:
        """See Stage.check."""
        super().check()
        size, *around = self._sizes
        if known(size) and size < 1:
            raise InvalidArgumentError(f"record_bytes must be positive; got {size}")
        for value, what in zip(around, ("header_bytes", "footer_bytes"), strict=True):
            if known(value) and value < 0:
                raise InvalidArgumentError(f"{what} must not be negative; got {value}")
        self._opener = self.opener

    def opener(self) -> Opener:
        """Opens files, now that the sizes are known."""
        size, header, footer = map(int, self._sizes)

        def reader(path: str, offset: int) -> PieceReader:
            return PieceReader(path, self._compression, offset, size, header, footer)

        return reader
