"""Segmentation with a small U-Net: skip connections, transposed convolutions, one class a pixel, and mean IoU."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

SIDE, CLASSES = 32, 3
generator = np.random.default_rng(5)


def scenes(count):
    """A disc and a box on a noisy ground, and the class of each pixel."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    images, masks = [], []
    for _ in range(count):
        mask = np.zeros((SIDE, SIDE), "int32")
        a, b = generator.integers(2, SIDE - 12, 2)
        mask[a : a + 9, b : b + 9] = 1
        c, d = generator.integers(6, SIDE - 6, 2)
        mask[(rows - c) ** 2 + (columns - d) ** 2 < 25] = 2
        colours = np.array([[0.2, 0.2, 0.2], [0.8, 0.3, 0.2], [0.2, 0.5, 0.9]])
        images.append(colours[mask] + generator.normal(0, 0.1, (SIDE, SIDE, 3)))
        masks.append(mask)
    return np.float32(images), np.stack(masks)


def conv(x, filters):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    return x


inputs = keras.Input((SIDE, SIDE, 3))
skips, x = [], inputs
for filters in (8, 16):
    x = conv(x, filters)
    skips.append(x)
    x = layers.MaxPool2D()(x)
x = conv(x, 24)
for filters, skip in zip((16, 8), reversed(skips)):
    x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same")(x)
    x = conv(layers.Concatenate()([x, skip]), filters)
model = keras.Model(inputs, layers.Conv2D(CLASSES, 1, name="classes")(x))


def dice_loss(y_true, y_pred):
    truth = tf.one_hot(tf.cast(y_true, tf.int32), CLASSES)
    guess = tf.nn.softmax(y_pred)
    both = tf.reduce_sum(truth * guess, axis=[1, 2])
    return 1.0 - tf.reduce_mean((2.0 * both + 1.0) / (tf.reduce_sum(truth + guess, axis=[1, 2]) + 1.0), axis=-1)


cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(
    optimizer=keras.optimizers.Adam(5e-3),
    loss=lambda y_true, y_pred: cross(y_true, y_pred) + tf.reduce_mean(dice_loss(y_true, y_pred)),
    metrics=["accuracy"],
)
images, masks = scenes(36)
print("shape =", model.output_shape, model.count_params())
print(f"first loss = {model.evaluate(images, masks, batch_size=12, verbose=0)[0]:.6f}")
history = model.fit(images, masks, batch_size=12, epochs=4, shuffle=False, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch ~ {history['loss'][-1]:.4f}")
iou = keras.metrics.MeanIoU(num_classes=CLASSES, sparse_y_pred=False)
iou.update_state(masks, model.predict(images, verbose=0))
print(f"iou ~ {float(iou.result()):.3f}")
