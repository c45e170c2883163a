"""A siamese network: one encoder for both pictures of a pair, their distance, and a contrastive loss."""

import keras
import numpy as np
from keras import layers, ops

SIDE = 14
generator = np.random.default_rng(6)
templates = generator.uniform(0, 1, (5, SIDE, SIDE, 1))
kinds = generator.integers(0, 5, 120)
pictures = (templates[kinds] + 0.2 * generator.normal(size=(120, SIDE, SIDE, 1))).astype("float32")


def pairs():
    by_kind = [np.where(kinds == k)[0] for k in range(5)]
    left, right, same = [], [], []
    for i, kind in enumerate(kinds):
        for other in (kind, (kind + 1 + i % 4) % 5):
            left.append(pictures[i])
            right.append(pictures[generator.choice(by_kind[other])])
            same.append(float(other == kind))
    return np.stack(left), np.stack(right), np.float32(same)[:, np.newaxis]


inputs = layers.Input((SIDE, SIDE, 1))
x = layers.BatchNormalization()(inputs)
x = layers.Conv2D(4, 5, activation="tanh")(x)
x = layers.AveragePooling2D(2)(x)
x = layers.Flatten()(x)
x = layers.BatchNormalization()(x)
encoder = keras.Model(inputs, layers.Dense(10, activation="tanh")(x), name="encoder")

left, right = layers.Input((SIDE, SIDE, 1)), layers.Input((SIDE, SIDE, 1))
distance = layers.Lambda(
    lambda pair: ops.sqrt(ops.maximum(ops.sum(ops.square(pair[0] - pair[1]), axis=1, keepdims=True), 1e-7)), output_shape=(1,)
)([encoder(left), encoder(right)])
siamese = keras.Model([left, right], layers.Dense(1, activation="sigmoid")(layers.BatchNormalization()(distance)))


def contrastive(margin=1.0):
    def loss(y_true, y_pred):
        near = ops.square(1.0 - y_pred)
        far = ops.square(ops.maximum(y_pred - (1.0 - margin), 0.0))
        return ops.mean(y_true * near + (1.0 - y_true) * far)

    return loss


siamese.compile(loss=contrastive(), optimizer=keras.optimizers.RMSprop(0.005), metrics=["accuracy"])
a, b, same = pairs()
print("pairs =", a.shape, float(same.mean()))
print("shared =", len(siamese.trainable_weights), len(encoder.trainable_weights))
print(f"first loss = {siamese.evaluate([a, b], same, verbose=0)[0]:.6f}")
history = siamese.fit([a, b], same, batch_size=40, epochs=4, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch ~ {history['loss'][-1]:.4f}")
print("as one encoder =", bool(np.allclose(encoder(a[:3]), encoder.predict(a[:3], verbose=0), atol=1e-5)))
