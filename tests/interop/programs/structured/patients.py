"""Structured data: numbers, categories and strings through preprocessing layers into one functional model."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

generator = np.random.default_rng(7)
rows = 400
frame = {
    "age": generator.integers(29, 78, rows).astype("float32"),
    "pressure": generator.normal(131, 17, rows).astype("float32"),
    "vessels": generator.integers(0, 4, rows).astype("int64"),
    "pain": generator.choice(["typical", "atypical", "none", "other"], rows),
    "clinic": generator.choice([f"clinic-{i}" for i in range(30)], rows),
}
risk = (frame["age"] - 55) / 10 + (frame["vessels"] > 1) * 1.5 + (frame["pain"] == "typical") * 1.2
target = (risk + generator.normal(0, 0.5, rows) > 0.8).astype("float32")


def dataset(first, last, shuffle):
    part = {name: tf.constant(column[first:last]) for name, column in frame.items()}
    data = tf.data.Dataset.from_tensor_slices((part, target[first:last]))
    if shuffle:
        data = data.shuffle(last - first)
    return data.batch(32).prefetch(tf.data.AUTOTUNE)


inputs = {
    "age": keras.Input((1,), name="age"),
    "pressure": keras.Input((1,), name="pressure"),
    "vessels": keras.Input((1,), name="vessels", dtype="int64"),
    "pain": keras.Input((1,), name="pain", dtype="string"),
    "clinic": keras.Input((1,), name="clinic", dtype="string"),
}
buckets = layers.Discretization(bin_boundaries=[40.0, 50.0, 60.0, 70.0])
normal = layers.Normalization(axis=None)
normal.adapt(frame["pressure"])
kinds = layers.StringLookup(num_oov_indices=1, output_mode="one_hot")
kinds.adapt(frame["pain"])
counts = layers.IntegerLookup(vocabulary=[0, 1, 2, 3], output_mode="one_hot", num_oov_indices=0)
hashed = layers.Hashing(num_bins=8, output_mode="one_hot")
encode = layers.CategoryEncoding(num_tokens=5, output_mode="one_hot")
encoded = [
    encode(buckets(inputs["age"])),
    normal(inputs["pressure"]),
    counts(inputs["vessels"]),
    kinds(inputs["pain"]),
    hashed(inputs["clinic"]),
]
joined = layers.Concatenate()(encoded)
hidden = layers.Dropout(0.2)(layers.Dense(16, activation="relu")(joined))
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(hidden))
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])

print("vocabulary =", sorted(kinds.get_vocabulary()))
print("buckets =", np.ravel(buckets(tf.constant([[35.0], [50.0], [77.0]]))).tolist())
print("hashed =", np.ravel(layers.Hashing(num_bins=8)(tf.constant([["clinic-1"], ["clinic-2"], ["clinic-3"]]))).tolist())
print("parameters =", model.count_params())
train, test = dataset(0, 320, True), dataset(320, rows, False)
print(f"first loss = {model.evaluate(test, verbose=0)[0]:.6f}")
history = model.fit(train, epochs=6, validation_data=test, verbose=0)
print(f"first epoch = {history.history['loss'][0]:.6f}")
print(f"last epoch = {history.history['loss'][-1]:.5f}")
one = {
    "age": tf.constant([[61.0]]),
    "pressure": tf.constant([[145.0]]),
    "vessels": tf.constant([[2]], tf.int64),
    "pain": tf.constant([["typical"]]),
    "clinic": tf.constant([["clinic-nowhere"]]),
}
print(f"one patient = {float(model.predict(one, verbose=0)[0, 0]):.5f}")
