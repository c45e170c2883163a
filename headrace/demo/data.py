"""The demonstration's data: Fashion-MNIST in TFRecord files, and the pipeline that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import headrace as tf

BATCH = 128
SHARDS = 4
SHUFFLE = 10_000
"""How many records the order is drawn from."""

FEATURES = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}


def write_shards(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], folder: Path) -> list[str]:
    """Writes images, uint8 [n, 28, 28], and their classes, int64 [n], as tf.Example records; returns the files."""
    folder.mkdir(parents=True)
    files = []
    for shard in range(SHARDS):
        path = folder / f"train-{shard:05d}-of-{SHARDS:05d}.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for image, label in zip(images[shard::SHARDS], labels[shard::SHARDS], strict=True):
                writer.write(_example(image, label))
        files.append(str(path))
    return files


def _example(image: np.ndarray[Any, Any], label: np.integer[Any]) -> bytes:
    train = tf.train
    features = {
        "image": train.Feature(bytes_list=train.BytesList(value=[image.tobytes()])),
        "label": train.Feature(int64_list=train.Int64List(value=[int(label)])),
    }
    content: bytes = train.Example(features=train.Features(feature=features)).SerializeToString()
    return content


def training_batches(files: list[str]) -> Any:
    """A dataset without end of batches: images float32 [128, 28, 28] in 0..1, half of them mirrored, and labels int64 [128]."""
    records = tf.data.TFRecordDataset(files, num_parallel_reads=SHARDS)
    batches = records.shuffle(SHUFFLE, seed=7).repeat().batch(BATCH, drop_remainder=True)
    return batches.map(parsed, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def parsed(records: Any) -> tuple[Any, Any]:
    """Serialized examples [n] as images and labels."""
    found = tf.io.parse_example(records, FEATURES)
    images = tf.reshape(tf.io.decode_raw(found["image"], tf.uint8), [-1, 28, 28])
    images = tf.cast(images, tf.float32) / 255.0
    mirrored = tf.random.uniform([BATCH, 1, 1]) < 0.5
    return tf.where(mirrored, images[:, :, ::-1], images), found["label"]


def scaled(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """uint8 pixels as float32 in 0..1."""
    return images.astype(np.float32) / 255.0
