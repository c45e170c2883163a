"""Sentiment of short reviews: TextVectorization adapted on the texts, an embedding, pooling, and a model of raw strings."""

import re

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

GOOD = ["great", "lovely", "superb", "moving", "funny", "brilliant"]
BAD = ["dull", "awful", "boring", "weak", "stupid", "terrible"]
PLAIN = ["the", "film", "was", "and", "a", "plot", "acting", "music", "really", "with"]
generator = np.random.default_rng(0)


def review(positive):
    words = list(generator.choice(PLAIN, 8))
    for place in generator.choice(8, 2, replace=False):
        words[place] = generator.choice(GOOD if positive else BAD)
    return " ".join(words).capitalize() + ("!<br />" if generator.uniform() < 0.3 else ".")


labels = generator.integers(0, 2, 320)
texts = np.array([review(label) for label in labels])
train = tf.data.Dataset.from_tensor_slices((texts[:240], labels[:240])).batch(32)
test = tf.data.Dataset.from_tensor_slices((texts[240:], labels[240:])).batch(32)


@keras.utils.register_keras_serializable("programs")
def standardize(text):
    lower = tf.strings.lower(text)
    stripped = tf.strings.regex_replace(lower, "<br />", " ")
    return tf.strings.regex_replace(stripped, f"[{re.escape('!.,')}]", "")


vectorize = layers.TextVectorization(standardize=standardize, max_tokens=30, output_mode="int", output_sequence_length=10)
vectorize.adapt(train.map(lambda text, label: text))
print("vocabulary =", len(vectorize.get_vocabulary()), [str(word) for word in vectorize.get_vocabulary()[:2]])
print("ids =", vectorize(["The film was GREAT!<br />", "nobody knows"]).numpy().tolist())

model = keras.Sequential(
    [
        layers.Input((10,), dtype="int64"),
        layers.Embedding(31, 8),
        layers.Dropout(0.2),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    loss=keras.losses.BinaryCrossentropy(),
    optimizer=keras.optimizers.Adam(0.05),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.5)],
)
ready = train.map(lambda text, label: (vectorize(text), label)).cache().prefetch(tf.data.AUTOTUNE)
held_out = test.map(lambda text, label: (vectorize(text), label))
print(f"first loss = {model.evaluate(held_out, verbose=0)[0]:.6f}")
history = model.fit(ready, validation_data=held_out, epochs=5, verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['loss'][-1]:.5f}")
print("learned =", history["val_binary_accuracy"][-1] > 0.9)

whole = keras.Sequential([keras.Input((1,), dtype="string"), vectorize, model])
whole.compile(loss="binary_crossentropy", metrics=["accuracy"])
print("whole =", round(whole.evaluate(test, verbose=0)[0], 5) == round(model.evaluate(held_out, verbose=0)[0], 5))
answers = whole.predict(tf.constant([["a superb and moving film"], ["the plot was awful and dull"]]), verbose=0)
print("apart =", bool(answers[0, 0] > 0.5 > answers[1, 0]))
