"""Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): 28x28 grey images of clothes in ten classes.

The whole set (60,000 + 10,000 images) is read from Debian's package `dataset-fashion-mnist` where that is installed; else a
sample of it (10,000 + 2,000) from `examples/fashion_mnist` of the source checkout.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headrace.core import dtypes, errors
from headrace.data import compression, tfrecord
from headrace.data.example import FixedLenFeature, parse_arrays

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SIDE = 28
"""Rows, and columns, of an image."""

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
SAMPLE_FOLDER = Path(__file__).resolve().parents[2] / "examples" / "fashion_mnist"

FEATURES = {"image": FixedLenFeature([], dtypes.string), "label": FixedLenFeature([], dtypes.int64)}
"""The features of one tf.Example of the sample: the 784 raw pixels (uint8, row by row) and the class."""

_IDX_HEADER = struct.Struct(">I")
_IDX_UBYTE = 0x0800  # the type code in the magic number; its low byte is the number of dimensions
_IDX_MAX_BYTES = 1 << 28


class FashionMnist(NamedTuple):
    """Images, uint8 `[n, 28, 28]`, and their classes, int64 `[n]`, 0 to 9."""

    x_train: np.ndarray[Any, Any]
    y_train: np.ndarray[Any, Any]
    x_test: np.ndarray[Any, Any]
    y_test: np.ndarray[Any, Any]


def load(source: str = "auto") -> FashionMnist:
    """Reads the data set.

    Args:
        source: "whole" (Debian's package), "sample" (the source checkout), or "auto": the first of the two that is there.

    Raises:
        NotFoundError: the data is not installed; the message says what to install.
        DataLossError: a file is truncated or damaged.
        InvalidArgumentError: `source` is none of the three.
    """
    if source not in ("auto", "whole", "sample"):
        raise errors.InvalidArgumentError(f"source {source!r} is not known; expected 'auto', 'whole' or 'sample'")
    if source != "sample" and (DEBIAN_FOLDER / "train-images-idx3-ubyte.gz").exists():
        return load_idx(DEBIAN_FOLDER)
    if source != "whole" and any(SAMPLE_FOLDER.glob("train-*.tfrecord.gz")):
        return load_sample(SAMPLE_FOLDER)
    raise errors.NotFoundError(
        f"Fashion-MNIST is neither in {DEBIAN_FOLDER} nor in {SAMPLE_FOLDER} (source={source!r}); install Debian's package"
        " dataset-fashion-mnist, or run from a source checkout, which has a sample"
    )


def load_idx(folder: Path) -> FashionMnist:
    """Reads the four gzipped IDX files of the original data set from `folder`."""
    arrays: list[np.ndarray[Any, Any]] = []
    for split in ("train", "t10k"):
        images = read_idx(folder / f"{split}-images-idx3-ubyte.gz", 3)
        labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz", 1)
        arrays += _checked(images, labels.astype(np.int64), f"{folder}, {split}")
    return FashionMnist(*arrays)


def load_sample(folder: Path) -> FashionMnist:
    """Reads the TFRecord shards that `make_sample.py` wrote into `folder`."""
    arrays: list[np.ndarray[Any, Any]] = []
    for split in ("train", "test"):
        shards = sorted(folder.glob(f"{split}-*.tfrecord.gz"))
        if not shards:
            raise errors.NotFoundError(f"{folder} has no {split}-*.tfrecord.gz; make the sample with make_sample.py")
        batch = parse_arrays([record for shard in shards for record in tfrecord.read(shard, "GZIP")], FEATURES)
        sizes = {len(image) for image in batch["image"]}
        if sizes != {SIDE * SIDE}:
            raise errors.DataLossError(f"{folder}, {split}: images of {sorted(sizes)} bytes; expected {SIDE * SIDE}")
        images = np.frombuffer(b"".join(batch["image"]), np.uint8).reshape(-1, SIDE, SIDE)
        arrays += _checked(images, batch["label"], f"{folder}, {split}")
    return FashionMnist(*arrays)


def read_idx(path: Path, rank: int) -> np.ndarray[Any, Any]:
    """Reads a gzipped IDX file of unsigned bytes with `rank` dimensions.

    Raises:
        NotFoundError: there is no such file.
        DataLossError: it is damaged, or holds something else.
    """
    with compression.open_for_reading(path, "GZIP") as stream:
        data = stream.read(_IDX_MAX_BYTES)
    start = _IDX_HEADER.size * (1 + rank)
    if len(data) < start or _IDX_HEADER.unpack_from(data)[0] != _IDX_UBYTE + rank:
        raise errors.DataLossError(f"{path} does not begin like an IDX file of unsigned bytes with {rank} dimensions")
    shape = struct.unpack_from(f">{rank}I", data, _IDX_HEADER.size)
    expected = int(np.prod(shape, dtype=object))
    if len(data) - start != expected:
        raise errors.DataLossError(f"{path} announces shape {shape} ({expected} bytes) but holds {len(data) - start}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _checked(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], where: str) -> list[np.ndarray[Any, Any]]:
    if images.shape != (len(labels), SIDE, SIDE):
        raise errors.DataLossError(
            f"{where}: images of shape {images.shape} for {len(labels)} labels; expected [n, {SIDE}, {SIDE}]"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(CLASS_NAMES):
        raise errors.DataLossError(f"{where}: labels from {labels.min()} to {labels.max()}; expected 0 to {len(CLASS_NAMES) - 1}")
    return [images, labels]
