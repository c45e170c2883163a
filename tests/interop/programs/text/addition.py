"""Sequence to sequence: sums written as letters, an encoder whose states go to a decoder with attention, and teacher forcing."""

import numpy as np
from tensorflow import keras
from tensorflow.keras import layers

CHARACTERS = "0123456789+ ^$"
LONG, SHORT = 5, 5
index = {c: i for i, c in enumerate(CHARACTERS)}
generator = np.random.default_rng(19)


def encode(text, length):
    return np.eye(len(CHARACTERS), dtype="float32")[[index[c] for c in text.ljust(length)]]


questions, before, after = [], [], []
for a, b in generator.integers(0, 99, (400, 2)):
    answer = str(a + b)
    questions.append(encode(f"{a}+{b}"[::-1], LONG))
    before.append(encode("^" + answer, SHORT))
    after.append(encode(answer + "$", SHORT))
questions, before, after = map(np.stack, (questions, before, after))
print("shapes =", questions.shape, before.shape, after.shape)

encoder_in = keras.Input((None, len(CHARACTERS)), name="question")
encoded, h, c = layers.LSTM(32, return_sequences=True, return_state=True, name="encoder")(encoder_in)
decoder_in = keras.Input((None, len(CHARACTERS)), name="before")
decoded = layers.LSTM(32, return_sequences=True, name="decoder")(decoder_in, initial_state=[h, c])
attended = layers.Attention(use_scale=True, name="attention")([decoded, encoded])
additive = layers.AdditiveAttention(name="additive")([decoded, encoded])
joined = layers.Concatenate()([decoded, attended, additive])
model = keras.Model([encoder_in, decoder_in], layers.Dense(len(CHARACTERS), activation="softmax", name="letters")(joined))
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
print("parameters =", model.count_params())
print(f"first loss = {model.evaluate([questions, before], after, verbose=0)[0]:.6f}")
history = model.fit([questions, before], after, batch_size=50, epochs=3, validation_split=0.1, verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['loss'][-1]:.5f}")

encoder = keras.Model(encoder_in, [encoded, h, c])
states = encoder.predict(questions[:2], verbose=0)
print("states =", [s.shape for s in states])


def answer_to(question):
    written = "^"
    for _ in range(SHORT):
        letters = model.predict([question[None], encode(written, len(written))[None]], verbose=0)[0, -1]
        written += CHARACTERS[int(np.argmax(letters))]
        if written.endswith("$"):
            break
    return written[1:]


print("answers =", [len(answer_to(question)) <= SHORT for question in questions[:2]])
print(f"probability = {float(model.predict([questions[:1], before[:1]], verbose=0).max()):.4f}")
