"""Metric learning: embeddings from a batch of anchors and positives with train_step, and the nearest neighbours that come out."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

KINDS, PER_KIND, SIDE = 6, 20, 12
generator = np.random.default_rng(7)
templates = generator.uniform(0, 1, (KINDS, SIDE, SIDE, 3))
images = (templates[:, None] + 0.25 * generator.normal(size=(KINDS, PER_KIND, SIDE, SIDE, 3))).astype("float32")


class Pairs(keras.utils.PyDataset):
    """Batches of an anchor and a positive of every kind."""

    def __init__(self, batches, **options):
        super().__init__(**options)
        self.batches = batches

    def __len__(self):
        return self.batches

    def __getitem__(self, index):
        numbers = np.random.default_rng(index)
        chosen = [numbers.choice(PER_KIND, 2, replace=False) for _ in range(KINDS)]
        return np.stack([images[np.arange(KINDS), [c[i] for c in chosen]] for i in range(2)])


class Embedder(keras.Model):
    def train_step(self, data):
        if isinstance(data, tuple):
            data = data[0]
        anchors, positives = data[0], data[1]
        with tf.GradientTape() as tape:
            left, right = self(anchors, training=True), self(positives, training=True)
            similarities = tf.einsum("ae,pe->ap", left, right) / 0.2
            loss = self.compute_loss(y=tf.range(KINDS), y_pred=similarities)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(tf.range(KINDS), similarities)
        return {metric.name: metric.result() for metric in self.metrics}


inputs = layers.Input((SIDE, SIDE, 3))
x = layers.Conv2D(8, 3, strides=2, activation="relu")(inputs)
x = layers.Conv2D(12, 3, strides=2, activation="relu")(x)
x = layers.GlobalAveragePooling2D()(x)
embedder = Embedder(inputs, layers.UnitNormalization()(layers.Dense(8)(x)))
embedder.compile(
    keras.optimizers.Adam(0.01),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
)
history = embedder.fit(Pairs(12), epochs=3, shuffle=False, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch ~ {history['loss'][-1]:.4f}")
embeddings = embedder.predict(images.reshape(-1, SIDE, SIDE, 3), verbose=0)
print("length one =", bool(np.allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)))
nearest = tf.math.top_k(embeddings @ embeddings.T, k=4).indices[:, 1:].numpy() // PER_KIND
right = np.mean(nearest == np.repeat(np.arange(KINDS), PER_KIND)[:, None])
print("neighbours are alike =", right > 0.8)
print("batches =", len(Pairs(12)), Pairs(12)[0].shape)
