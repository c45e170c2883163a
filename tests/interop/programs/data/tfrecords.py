"""TFRecord files: images and labels written as Examples, read back in shards, parsed, decoded and trained on."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

generator = np.random.default_rng(0)


def picture(kind):
    image = generator.integers(0, 60, (12, 12, 1))
    if kind:
        image[:, 4:8] += 150
    else:
        image[4:8, :] += 150
    return image.astype(np.uint8)


def bytes_feature(value):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def int64_feature(*values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def example(kind):
    image = picture(kind)
    features = {
        "image": bytes_feature(tf.io.encode_png(image).numpy()),
        "label": int64_feature(kind),
        "size": int64_feature(*image.shape),
        "name": bytes_feature([b"across", b"upright"][kind]),
    }
    if kind:
        features["weights"] = tf.train.Feature(float_list=tf.train.FloatList(value=[0.5] * 3))
    return tf.train.Example(features=tf.train.Features(feature=features))


options = tf.io.TFRecordOptions(compression_type="GZIP")
for shard in range(3):
    with tf.io.TFRecordWriter(f"pictures-{shard}.tfrecord.gz", options) as writer:
        for i in range(40):
            writer.write(example(i % 2).SerializeToString())

SPEC = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "size": tf.io.FixedLenFeature([3], tf.int64),
    "weights": tf.io.VarLenFeature(tf.float32),
    "note": tf.io.FixedLenFeature([], tf.string, default_value="none"),
}


def parse(record):
    parsed = tf.io.parse_single_example(record, SPEC)
    image = tf.io.decode_png(parsed["image"], channels=1)
    image = tf.ensure_shape(tf.image.convert_image_dtype(image, tf.float32), [12, 12, 1])
    return image, parsed["label"]


files = tf.data.Dataset.list_files("pictures-*.tfrecord.gz", shuffle=False)
raw = tf.data.TFRecordDataset(files, compression_type="GZIP")
print("records =", sum(1 for _ in raw))
first = tf.io.parse_single_example(next(iter(raw)), SPEC)
print("first =", first["size"].numpy().tolist(), first["note"].numpy().decode(), first["weights"].dense_shape.numpy().tolist())
message = tf.train.Example.FromString(next(iter(raw.skip(1))).numpy())
print("second =", message.features.feature["name"].bytes_list.value[0].decode(), sorted(message.features.feature))
batched = tf.io.parse_example(next(iter(raw.batch(4))), {"weights": tf.io.RaggedFeature(tf.float32), "label": SPEC["label"]})
print("ragged =", batched["weights"].to_list(), batched["label"].numpy().tolist())

dataset = raw.map(parse, num_parallel_calls=tf.data.AUTOTUNE).shuffle(60).batch(20).prefetch(1)
print("spec =", dataset.element_spec)
model = keras.Sequential(
    [
        keras.Input((12, 12, 1)),
        keras.layers.Conv2D(4, 3, activation="relu"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(2, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy")
print(f"first loss = {model.evaluate(raw.map(parse).batch(60), verbose=0):.6f}")
history = model.fit(dataset, epochs=3, verbose=0)
print(f"first epoch = {history.history['loss'][0]:.6f}")
print(f"last epoch = {history.history['loss'][-1]:.5f}")
