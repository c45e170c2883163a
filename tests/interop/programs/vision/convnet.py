"""A convolutional classifier with residual blocks, depthwise convolutions, batch normalization and augmentation in the model."""

import keras
import numpy as np
from keras import layers

CLASSES, SIDE = 3, 24
generator = np.random.default_rng(0)


def pictures(count):
    """Grey pictures with a bar across, a bar upright, or a frame."""
    labels = generator.integers(0, CLASSES, count)
    images = generator.normal(0.2, 0.1, (count, SIDE, SIDE, 1))
    for image, label in zip(images, labels):
        a, b = sorted(generator.integers(3, SIDE - 3, 2))
        if label == 0:
            image[a : a + 3, :] += 0.7
        elif label == 1:
            image[:, a : a + 3] += 0.7
        else:
            image[[a, b], a : b + 1] += 0.7
            image[a : b + 1, [a, b]] += 0.7
    return (255 * np.clip(images, 0, 1)).astype("float32"), labels


def block(x, filters):
    shortcut = layers.Conv2D(filters, 1, strides=2, padding="same")(x)
    x = layers.Activation("relu")(x)
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    return layers.add([x, shortcut])


augment = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomTranslation(0.1, 0.1), layers.RandomRotation(0.02)])
inputs = keras.Input((SIDE, SIDE, 1))
x = augment(inputs)
x = layers.Rescaling(1.0 / 255)(x)
x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
x = layers.BatchNormalization()(x)
for filters in (12, 16):
    x = block(x, filters)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(CLASSES, activation=None)(layers.Dropout(0.25)(x))
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.Adam(3e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
x_train, y_train = pictures(180)
x_test, y_test = pictures(60)
print("layers =", len(model.layers), model.count_params())
print(f"first loss = {model.evaluate(x_test, y_test, verbose=0)[0]:.6f}")
print("predictions =", [round(float(v), 5) for v in model.predict(x_test[:2], verbose=0)[0]])
history = model.fit(x_train, y_train, batch_size=30, epochs=3, validation_data=(x_test, y_test), verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch ~ {history['loss'][-1]:.4f}")
print(f"held out ~ {history['val_loss'][-1]:.4f}")
