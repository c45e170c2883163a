"""The Fashion-MNIST loader, the sample in the repository, and the script that makes it."""

from __future__ import annotations

import gzip
import hashlib
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from headrace.core import errors
from headrace.data import fashion_mnist
from headrace.data.fashion_mnist import load, load_idx, load_sample, read_idx

SAMPLE = Path(__file__).parents[2] / "examples" / "fashion_mnist"


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A small data set in the original's files: 40 + 20 images whose first two pixels say what they are."""
    for split, count in (("train", 40), ("t10k", 20)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 0, 0], images[:, 0, 1] = labels, np.arange(count)
        (tmp_path / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def test_the_sample_is_the_one_that_was_made() -> None:
    lines = (SAMPLE / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in SAMPLE.glob("*.tfrecord.gz")}
    assert sum(path.stat().st_size for path in SAMPLE.iterdir() if path.is_file()) < 8_000_000
    assert "Zalando SE" in (SAMPLE / "LICENSE").read_text()


def test_the_sample_is_balanced_and_shuffled() -> None:
    data = load("sample")
    assert [a.shape for a in data] == [(10000, 28, 28), (10000,), (2000, 28, 28), (2000,)]
    assert [a.dtype for a in data] == [np.uint8, np.int64, np.uint8, np.int64]
    assert np.bincount(data.y_train).tolist() == [1000] * 10
    assert np.bincount(data.y_test).tolist() == [200] * 10
    assert np.bincount(data.y_train[:1000], minlength=10).min() > 60
    assert len({image.tobytes() for image in data.x_train}) > 9900


def test_the_sample_is_part_of_the_whole() -> None:
    if not fashion_mnist.DEBIAN_FOLDER.exists():
        pytest.skip("Debian's dataset-fashion-mnist is not installed")
    whole, sample = load("whole"), load("sample")
    assert whole.x_train.shape == (60000, 28, 28)
    known = {(image.tobytes(), int(label)) for image, label in zip(whole.x_train, whole.y_train, strict=True)}
    assert {(image.tobytes(), int(label)) for image, label in zip(sample.x_train, sample.y_train, strict=True)} <= known
    assert all(np.array_equal(a, b) for a, b in zip(load("auto"), whole, strict=True))


def test_the_script_makes_a_balanced_sample_the_same_each_time(original: Path, tmp_path: Path) -> None:
    def make(name: str) -> Path:
        out = tmp_path / name
        options = ["--source", original, "--output", out, "--train-per-class", "3", "--test-per-class", "1"]
        subprocess.run(
            [sys.executable, SAMPLE / "make_sample.py", *map(str, options)], check=True, capture_output=True, timeout=120
        )
        return out

    first, second = make("first"), make("second")
    assert (first / "SHA256SUMS").read_text() == (second / "SHA256SUMS").read_text()
    data = load_sample(first)
    assert np.bincount(data.y_train).tolist() == [3] * 10
    assert np.bincount(data.y_test).tolist() == [1] * 10
    np.testing.assert_array_equal(data.x_train[:, 0, 0], data.y_train)
    assert len(set(data.x_train[:, 0, 1])) == 30


def test_the_original_files_are_read(original: Path) -> None:
    data = load_idx(original)
    assert data.y_train.tolist() == [i % 10 for i in range(40)]
    np.testing.assert_array_equal(data.x_test[:, 0, 1], np.arange(20))


def test_nothing_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "a")
    assert len(load("auto").y_test) == 2000
    monkeypatch.setattr(fashion_mnist, "SAMPLE_FOLDER", tmp_path / "b")
    for source in ("auto", "whole", "sample"):
        with pytest.raises(errors.NotFoundError, match="dataset-fashion-mnist"):
            load(source)
    with pytest.raises(errors.InvalidArgumentError, match="'auto', 'whole' or 'sample'"):
        load("all")
    with pytest.raises(errors.NotFoundError, match=r"make_sample\.py"):
        load_sample(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"plain", "GZIP stream is damaged"),
        (gzip.compress(idx(np.zeros((2, 3), np.uint8)))[:-9], "cut short"),
        (gzip.compress(b""), "begin like an IDX file"),
        (gzip.compress(idx(np.zeros(6, np.uint8))), "with 2 dimensions"),
        (gzip.compress(idx(np.zeros((2, 3), np.uint8)) + b"x"), "holds 7"),
        (gzip.compress(struct.pack(">3I", 0x0802, 2**32 - 1, 2**32 - 1)), "holds 0"),
    ],
    ids=["not gzip", "cut", "empty", "rank", "too long", "huge shape"],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "f.gz").write_bytes(content)
    with pytest.raises(errors.DataLossError, match=f"f.gz.*{message}"):
        read_idx(tmp_path / "f.gz", 2)


def test_images_and_labels_must_match(original: Path) -> None:
    path = original / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(19, np.uint8))))
    with pytest.raises(errors.DataLossError, match="for 19 labels"):
        load_idx(original)
    path.write_bytes(gzip.compress(idx(np.full(20, 10, np.uint8))))
    with pytest.raises(errors.DataLossError, match="expected 0 to 9"):
        load_idx(original)
