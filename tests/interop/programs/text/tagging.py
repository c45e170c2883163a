"""Tags for every word: masked embeddings of padded sentences, a bidirectional LSTM, and a loss that leaves padding out."""

import keras
import numpy as np
from keras import layers, ops

WORDS, TAGS, LENGTH = 60, 4, 12
generator = np.random.default_rng(15)
lengths = generator.integers(4, LENGTH + 1, 200)
x = generator.integers(1, WORDS, (200, LENGTH))
mask = np.arange(LENGTH) < lengths[:, None]
x = np.where(mask, x, 0)
previous = np.concatenate([np.zeros((200, 1), int), x[:, :-1]], axis=1)
y = np.where(mask, (x % 2) + 2 * (previous > 30), 0)

inputs = keras.Input((None,), dtype="int32")
h = layers.Embedding(WORDS, 12, mask_zero=True)(inputs)
h = layers.SpatialDropout1D(0.1)(h)
h = layers.Bidirectional(layers.LSTM(12, return_sequences=True))(h)
h = layers.TimeDistributed(layers.Dense(16, activation="relu"))(h)
model = keras.Model(inputs, layers.Dense(TAGS)(h))


def right(y_true, y_pred):
    """Whether each tag is right; the mask of the embedding leaves padding out."""
    return ops.cast(ops.equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), y_true.dtype)), "float32")


model.compile(
    keras.optimizers.Adam(0.02),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1),
    metrics=[right],
)
y_known = np.where(mask, y, -1)
print("parameters =", model.count_params())
print(f"first loss = {model.evaluate(x, y_known, verbose=0)[0]:.6f}")
history = model.fit(x[:160], y_known[:160], batch_size=40, epochs=4, validation_data=(x[160:], y_known[160:]), verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch = {history['loss'][-1]:.4f}")
print("learned =", history["right"][-1] > history["right"][0])
short = model.predict(x[:1, : lengths[0]], verbose=0)
long = model.predict(x[:1], verbose=0)[:, : lengths[0]]
print("padding changes nothing =", bool(np.allclose(short, long, atol=1e-5)))
print("weights in time =", round(float(model.train_on_batch(x[:40], y[:40], sample_weight=mask[:40].astype("float32"))[0]), 4))
