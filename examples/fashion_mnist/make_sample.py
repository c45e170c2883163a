"""Makes the Fashion-MNIST sample of this folder from Debian's package `dataset-fashion-mnist`.

    python examples/fashion_mnist/make_sample.py [--source FOLDER] [--output FOLDER]

The same images come out on every machine: each image is ranked by a hash of its place in the original data set, and the first
so many of each class are taken, in the order of their ranks.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click
import numpy as np

from headrace.data import fashion_mnist, tfrecord
from headrace.data.example import BytesList, Example, Feature, Features, Int64List

SEED = "headrace-fashion-mnist-1"
SHARD_IMAGES = 2000


def rank(split: str, index: int) -> bytes:
    """The key by which images are shuffled and chosen; it depends on no random generator's version."""
    return hashlib.sha256(f"{SEED}/{split}/{index}".encode()).digest()


def choose(labels: np.ndarray[Any, Any], split: str, per_class: int) -> list[int]:
    """The indices of `per_class` images of every class, shuffled.

    Raises:
        click.ClickException: a class has too few images.
    """
    taken = dict.fromkeys(range(len(fashion_mnist.CLASS_NAMES)), 0)
    chosen: list[int] = []
    for index in sorted(range(len(labels)), key=lambda i: rank(split, i)):
        label = int(labels[index])
        if taken[label] < per_class:
            taken[label] += 1
            chosen.append(index)
    if set(taken.values()) != {per_class}:
        raise click.ClickException(f"{split}: the classes have {list(taken.values())} images; {per_class} of each are needed")
    return chosen


def example(image: np.ndarray[Any, Any], label: int) -> bytes:
    """One serialized tf.Example."""
    features = {
        "image": Feature(bytes_list=BytesList(value=[image.tobytes()])),
        "label": Feature(int64_list=Int64List(value=[label])),
    }
    data: bytes = Example(features=Features(feature=features)).SerializeToString(deterministic=True)
    return data


def write_shards(
    images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], split: str, indices: list[int], output: Path
) -> list[Path]:
    """Writes the chosen images to `<split>-00000-of-000NN.tfrecord.gz` and so on."""
    options = tfrecord.TFRecordOptions("GZIP", compression_level=9)
    count = -(-len(indices) // SHARD_IMAGES)
    paths = [output / f"{split}-{shard:05d}-of-{count:05d}.tfrecord.gz" for shard in range(count)]
    for shard, path in enumerate(paths):
        with tfrecord.TFRecordWriter(path, options) as writer:
            for index in indices[shard * SHARD_IMAGES : (shard + 1) * SHARD_IMAGES]:
                writer.write(example(images[index], int(labels[index])))
    return paths


@click.command()
@click.option("--source", type=click.Path(path_type=Path), default=fashion_mnist.DEBIAN_FOLDER, show_default=True)
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=Path(__file__).parent)
@click.option("--train-per-class", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--test-per-class", type=click.IntRange(1), default=200, show_default=True)
def main(source: Path, output: Path, train_per_class: int, test_per_class: int) -> None:
    """Writes the shards and their SHA256SUMS."""
    data = fashion_mnist.load_idx(source)
    output.mkdir(parents=True, exist_ok=True)
    for old in output.glob("*.tfrecord.gz"):
        old.unlink()
    train, test = choose(data.y_train, "train", train_per_class), choose(data.y_test, "test", test_per_class)
    paths = write_shards(data.x_train, data.y_train, "train", train, output)
    paths += write_shards(data.x_test, data.y_test, "test", test, output)
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(paths))
    (output / "SHA256SUMS").write_text(sums)
    size = sum(path.stat().st_size for path in paths)
    click.echo(f"{len(train)} + {len(test)} images in {len(paths)} shards, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
