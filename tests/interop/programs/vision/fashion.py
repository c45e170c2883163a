"""Fashion-MNIST from TFRecord files: a dense classifier, its accuracy, probabilities, and the confusion matrix."""

import os
import pathlib

import numpy as np
import tensorflow as tf

HERE = pathlib.Path(__file__).resolve()
FOLDER = pathlib.Path(os.environ.get("FASHION_MNIST_DIR", HERE.parents[4] / "examples" / "fashion_mnist"))
FEATURES = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}


def load(pattern, count):
    files = sorted(str(path) for path in FOLDER.glob(pattern))
    records = tf.data.TFRecordDataset(files[:1], compression_type="GZIP").take(count).batch(count)
    parsed = tf.io.parse_example(next(iter(records)), FEATURES)
    pixels = tf.reshape(tf.io.decode_raw(parsed["image"], tf.uint8), [-1, 28, 28])
    return pixels.numpy(), parsed["label"].numpy()


train_images, train_labels = load("train-*.tfrecord.gz", 1500)
test_images, test_labels = load("test-*.tfrecord.gz", 500)
print("images =", train_images.shape, train_images.dtype, np.bincount(train_labels).tolist())
train_images, test_images = train_images / 255.0, test_images / 255.0

model = tf.keras.Sequential(
    [
        tf.keras.layers.Input(shape=(28, 28)),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(64, activation="relu"),
        tf.keras.layers.Dense(10),
    ]
)
model.compile(optimizer="adam", loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
print(f"first loss = {model.evaluate(test_images, test_labels, verbose=0)[0]:.6f}")
history = model.fit(train_images, train_labels, epochs=4, batch_size=50, verbose=0)
print(f"first epoch = {history.history['loss'][0]:.5f}")
print(f"last epoch = {history.history['loss'][-1]:.5f}")
loss, accuracy = model.evaluate(test_images, test_labels, verbose=0)
print(f"test accuracy ~ {accuracy:.3f}")
print("learned =", accuracy > 0.7)

probability = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
predictions = probability.predict(test_images, verbose=0)
print("sums to one =", bool(np.allclose(predictions.sum(axis=1), 1.0, atol=1e-5)))
confusion = tf.math.confusion_matrix(test_labels, np.argmax(predictions, axis=1), num_classes=10)
print("rows =", tf.reduce_sum(confusion, axis=1).numpy().tolist())
print("one image =", np.expand_dims(test_images[0], 0).shape, probability(np.expand_dims(test_images[0], 0)).shape)
