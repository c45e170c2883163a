"""A stateful GRU: its state goes on from batch to batch, is reset by hand, and is the same as one long sequence."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

BATCH, STEPS, PIECES = 4, 10, 6
generator = np.random.default_rng(2)
bits = generator.integers(0, 2, (BATCH, STEPS * PIECES)).astype("float32")
parity = np.cumsum(bits, axis=1) % 2  # depends on all that went before
x = bits.reshape(BATCH, PIECES, STEPS, 1).transpose(1, 0, 2, 3)
y = parity.reshape(BATCH, PIECES, STEPS, 1).transpose(1, 0, 2, 3)

model = keras.Sequential(
    [
        keras.Input(batch_shape=(BATCH, STEPS, 1)),
        keras.layers.GRU(12, stateful=True, return_sequences=True, name="memory"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(0.03), "binary_crossentropy")
memory = model.get_layer("memory")

first = model.predict_on_batch(x[0])
second = model.predict_on_batch(x[0])
print("goes on =", not np.allclose(first, second))
memory.reset_state()
print("as at first =", bool(np.allclose(first, model.predict_on_batch(x[0]), atol=1e-6)))

memory.reset_state()
losses = []
for _epoch in range(3):
    for piece in range(PIECES):
        losses.append(float(model.train_on_batch(x[piece], y[piece])))
    memory.reset_state()
print(f"first loss = {losses[0]:.6f}")
print(f"second loss = {losses[1]:.6f}")
print(f"last loss = {losses[-1]:.5f}")

whole = keras.Sequential(
    [
        keras.Input((None, 1)),
        keras.layers.GRU(12, return_sequences=True, name="memory"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
whole.set_weights(model.get_weights())
long = whole.predict(bits[..., np.newaxis], verbose=0)
pieces = np.concatenate([model.predict_on_batch(x[i]) for i in range(PIECES)], axis=1)
print("one long sequence =", bool(np.allclose(long, pieces, atol=1e-5)))

encoder = keras.layers.LSTM(5, return_state=True)
output, *states = encoder(tf.constant(x[0]))
decoder = keras.layers.LSTM(5, return_sequences=True, go_backwards=True)
print("states =", [tuple(s.shape) for s in states], bool(np.allclose(output, states[0])))
print("from a state =", [round(float(v), 5) for v in decoder(tf.constant(x[1]), initial_state=states)[0, 0]])
