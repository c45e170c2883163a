"""Text by a GRU, letter by letter: StringLookup of characters, a subclassed model with state, and a compiled loop that writes."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

TEXT = "the mill turns by the river and the river turns by the mill. " * 12
LENGTH = 20
letters = sorted(set(TEXT))
to_id = keras.layers.StringLookup(vocabulary=letters, mask_token=None)
to_letter = keras.layers.StringLookup(vocabulary=to_id.get_vocabulary(), invert=True, mask_token=None)
ids = to_id(tf.strings.unicode_split(TEXT, "UTF-8"))
print("letters =", len(letters), ids[:5].numpy().tolist())
print("back =", tf.strings.reduce_join(to_letter(ids[:8])).numpy().decode())


def split(sequence):
    return sequence[:-1], sequence[1:]


dataset = tf.data.Dataset.from_tensor_slices(ids).batch(LENGTH + 1, drop_remainder=True).map(split).shuffle(100).batch(8)


class Writer(keras.Model):
    def __init__(self, size, width, units):
        super().__init__()
        self.embedding = keras.layers.Embedding(size, width)
        self.gru = keras.layers.GRU(units, return_sequences=True, return_state=True)
        self.dense = keras.layers.Dense(size)

    def call(self, inputs, states=None, return_state=False, training=False):
        x = self.embedding(inputs, training=training)
        if states is None:
            states = self.gru.get_initial_state(tf.shape(x)[0])
        x, states = self.gru(x, initial_state=states, training=training)
        x = self.dense(x, training=training)
        return (x, states) if return_state else x


model = Writer(to_id.vocabulary_size(), 12, 32)
for inputs, targets in dataset.take(1):
    logits = model(inputs)
    print("shape =", tuple(logits.shape))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    print(f"first loss = {float(loss(targets, logits)):.6f}")
model.compile(keras.optimizers.Adam(0.01), loss)
history = model.fit(dataset, epochs=3, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch ~ {history['loss'][-1]:.4f}")


class OneStep(tf.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model
        skip = to_id(["[UNK]"])[:, None]
        mask = tf.SparseTensor(values=[-float("inf")] * len(skip), indices=skip, dense_shape=[to_id.vocabulary_size()])
        self.mask = tf.sparse.to_dense(mask)

    @tf.function
    def next_letter(self, inputs, states=None):
        characters = tf.strings.unicode_split(inputs, "UTF-8")
        logits, states = self.model(inputs=to_id(characters).to_tensor(), states=states, return_state=True)
        logits = logits[:, -1, :] + self.mask
        return to_letter(tf.argmax(logits, axis=-1)), states


writer = OneStep(model)
states, letter = None, tf.constant(["the ", "riv"])
written = [letter]
for _ in range(12):
    letter, states = writer.next_letter(letter, states)
    written.append(letter)
text = tf.strings.join(written)
print("lengths =", [len(line) for line in text.numpy()])
print("of known letters =", all(chr(c) in letters for line in text.numpy() for c in line))
print("bits per letter ~", round(float(np.mean(history["loss"][-1])) / np.log(2), 2))
