"""A wide and a deep part side by side: crossed categories, embeddings, and a subclassed model over both."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

generator = np.random.default_rng(12)
rows = 512
colour = generator.integers(0, 5, rows)
shape = generator.integers(0, 7, rows)
numbers = generator.normal(size=(rows, 4)).astype("float32")
lucky = (colour * 7 + shape) % 4 == 1
label = ((numbers[:, 0] + numbers[:, 1] ** 2 > 0.5) ^ lucky).astype("float32")[:, np.newaxis]


class WideAndDeep(keras.Model):
    """A linear model of a crossed feature, added to a network of the numbers and embeddings."""

    def __init__(self, bins=64, **options):
        super().__init__(**options)
        self.cross = layers.HashedCrossing(num_bins=bins, output_mode="one_hot")
        self.wide = layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        self.colours = layers.Embedding(5, 3)
        self.shapes = layers.Embedding(7, 3)
        self.hidden = [layers.Dense(24, activation="gelu") for _ in range(2)]
        self.deep = layers.Dense(1)

    def call(self, inputs):
        crossed = self.cross((inputs["colour"], inputs["shape"]))
        x = tf.concat([self.colours(inputs["colour"]), self.shapes(inputs["shape"]), inputs["numbers"]], axis=1)
        for layer in self.hidden:
            x = layer(x)
        return tf.sigmoid(self.wide(tf.cast(crossed, tf.float32)) + self.deep(x))


columns = {"colour": colour.astype("int64"), "shape": shape.astype("int64"), "numbers": numbers}
model = WideAndDeep()
model.compile(optimizer=keras.optimizers.Adagrad(0.1), loss="binary_crossentropy", metrics=["accuracy", "auc"])
print(f"first loss = {model.evaluate(columns, label, verbose=0, return_dict=True)['loss']:.6f}")
history = model.fit(columns, label, batch_size=64, epochs=10, verbose=0)
print(f"first epoch = {history.history['loss'][0]:.6f}")
print(f"last epoch = {history.history['loss'][-1]:.5f}")
print("weights =", [tuple(w.shape) for w in model.trainable_weights])
print("crossed =", np.argmax(model.cross((np.int64([0, 1, 2]), np.int64([3, 4, 5]))), axis=1).tolist())
