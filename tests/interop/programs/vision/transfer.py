"""Transfer learning: a VGG16 without weights, trained at its top first, then with its last layers at a lower rate."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

SIDE = 32
generator = np.random.default_rng(3)
labels = generator.integers(0, 2, 48)
images = generator.uniform(0, 80, (48, SIDE, SIDE, 3))
images[labels == 1, 8:24, 8:24] += 120
images = images.astype("float32")
dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(16)

base = keras.applications.VGG16(input_shape=(SIDE, SIDE, 3), include_top=False, weights=None)
base.trainable = False
print("base =", len(base.layers), base.count_params(), len(base.trainable_variables))

inputs = keras.Input((SIDE, SIDE, 3))
x = keras.applications.vgg16.preprocess_input(inputs)
x = base(x, training=False)
x = keras.layers.GlobalAveragePooling2D()(x)
x = keras.layers.Dropout(0.2)(x)
model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=[keras.metrics.BinaryAccuracy(name="accuracy")])
print("trainable =", len(model.trainable_variables), len(model.variables))
features = base.predict(keras.applications.vgg16.preprocess_input(images[:2].copy()), verbose=0)
print(f"first features = {features.shape} {float(np.mean(features)):.6f}")
before = base.get_weights()
print(f"first loss = {model.evaluate(dataset, verbose=0)[0]:.6f}")
history = model.fit(dataset, epochs=1, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print("base as before =", all(np.array_equal(a, b) for a, b in zip(before, base.get_weights())))

base.trainable = True
for layer in base.layers:
    layer.trainable = layer.name.startswith("block5")
model.compile(keras.optimizers.RMSprop(1e-4), "binary_crossentropy", metrics=["accuracy"])
print("fine tuned =", len(model.trainable_variables))
history = model.fit(dataset, epochs=2, initial_epoch=1, verbose=0)
print("epochs =", history.epoch)
print(f"fine tuned loss ~ {history.history['loss'][-1]:.4f}")
print("head of the base =", base.get_layer("block5_conv3").trainable, base.get_layer("block1_conv1").trainable)
