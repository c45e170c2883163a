"""Word2vec: skip-grams with negative samples, trained by the dot product of target and context embeddings."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Model, layers, losses

SENTENCES = [
    "the wide road shimmered in the hot sun",
    "the cold river ran under the old bridge",
    "a hot sun dried the wide river",
    "the old road crossed the cold bridge",
]
NEGATIVES, WINDOW = 3, 2
vocabulary = {"<pad>": 0}
for word in " ".join(SENTENCES).split():
    vocabulary.setdefault(word, len(vocabulary))
sequences = [[vocabulary[word] for word in sentence.split()] for sentence in SENTENCES]
print("vocabulary =", len(vocabulary))

targets, contexts, labels = [], [], []
for number, sequence in enumerate(sequences):
    for place, target in enumerate(sequence):
        around = sequence[max(0, place - WINDOW) : place] + sequence[place + 1 : place + WINDOW + 1]
        for context in around:
            generator = np.random.default_rng([number, place, context])
            others = [word for word in vocabulary.values() if word not in (0, context, target)]
            targets.append(target)
            contexts.append(np.concatenate([[context], generator.choice(others, NEGATIVES, replace=False)]))
            labels.append([1] + [0] * NEGATIVES)
targets, contexts, labels = np.array(targets), np.stack(contexts), np.array(labels)
print("examples =", targets.shape, contexts.shape)

dataset = tf.data.Dataset.from_tensor_slices(((targets, contexts), labels)).shuffle(1000).batch(16)
dataset = dataset.cache().prefetch(buffer_size=tf.data.AUTOTUNE)


class Word2Vec(Model):
    def __init__(self, size, width):
        super().__init__()
        self.target_embedding = layers.Embedding(size, width, name="w2v_embedding")
        self.context_embedding = layers.Embedding(size, width)

    def call(self, pair):
        target, context = pair
        return tf.einsum("be,bce->bc", self.target_embedding(target), self.context_embedding(context))


word2vec = Word2Vec(len(vocabulary), 16)
word2vec.compile(optimizer="adam", loss=losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
print(f"first loss = {word2vec.evaluate((targets, contexts), labels, verbose=0)[0]:.6f}")
history = word2vec.fit(dataset, epochs=15, verbose=0).history
print(f"first epoch = {history['loss'][0]:.6f}")
print(f"last epoch = {history['loss'][-1]:.5f}")
weights = word2vec.get_layer("w2v_embedding").get_weights()[0]
print("weights =", weights.shape)
normal = tf.math.l2_normalize(weights, axis=1)
print(f"hot and sun ~ {float(tf.reduce_sum(normal[vocabulary['hot']] * normal[vocabulary['sun']])):.3f}")
