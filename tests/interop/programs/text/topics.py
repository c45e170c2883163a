"""Topics of questions: bags of words, bigrams with tf-idf, and string labels turned to numbers and back."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

TOPICS = {
    "python": ["list", "import", "lambda", "module", "indent"],
    "java": ["class", "void", "maven", "static", "bean"],
    "css": ["margin", "flex", "color", "hover", "border"],
}
FILLER = ["how", "do", "i", "use", "my", "the", "in", "error", "with", "a"]
generator = np.random.default_rng(11)
names = generator.choice(sorted(TOPICS), 240)
texts = tf.constant([" ".join([*generator.choice(FILLER, 6), *generator.choice(TOPICS[name], 2)]) for name in names])

to_index = layers.StringLookup(vocabulary=sorted(TOPICS), num_oov_indices=0)
to_name = layers.StringLookup(vocabulary=sorted(TOPICS), num_oov_indices=0, invert=True)
labels = to_index(tf.constant(names))
print("labels =", labels[:6].numpy().tolist())

MODES = {
    "multi_hot": {"output_mode": "multi_hot", "max_tokens": 40},
    "count": {"output_mode": "count", "max_tokens": 40},
    "tf_idf": {"output_mode": "tf_idf", "ngrams": 2, "max_tokens": 120},
}
for mode, options in MODES.items():
    vectorize = layers.TextVectorization(**options)
    vectorize.adapt(texts)
    encoded = vectorize(texts)
    print(f"{mode} =", tuple(encoded.shape), round(float(tf.reduce_sum(encoded)), 3))
    model = keras.Sequential([keras.Input((encoded.shape[1],)), layers.Dense(3)])
    model.compile(keras.optimizers.Adam(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    print(f"first {mode} = {model.evaluate(encoded, labels, verbose=0)[0]:.5f}")
    history = model.fit(encoded, labels, epochs=4, batch_size=40, verbose=0).history
    print(f"{mode} loss = {history['loss'][-1]:.5f}")

question = tf.constant(["how do i use a lambda in my module", "flex with hover and color"])
answer = tf.argmax(model(vectorize(question)), axis=-1)
print("answers =", [name.decode() for name in to_name(answer).numpy()])
letters = layers.TextVectorization(split="character", output_sequence_length=8, standardize="lower", vocabulary=list("abcdef"))
print("letters =", letters(["Bead", "zzz facade"]).numpy().tolist())
ragged = layers.TextVectorization(ragged=True, vocabulary=["how", "do"])
print("ragged =", ragged(["how do i", "do"]).to_list())
