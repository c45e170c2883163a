"""A small generative transformer: causal attention from keras.ops, weight tying, top-k sampling with a seed generator."""

import keras
import numpy as np
from keras import layers, ops

WORDS, LENGTH, WIDTH = 30, 16, 24
generator = np.random.default_rng(18)
corpus = []
for _ in range(200):
    start, step = generator.integers(0, WORDS), generator.choice([1, 2, 3])
    corpus.append([(start + step * i) % WORDS for i in range(LENGTH + 1)])
corpus = np.array(corpus)


class CausalAttention(layers.Layer):
    def __init__(self, heads, **options):
        super().__init__(**options)
        self.heads = heads

    def build(self, shape):
        self.qkv = layers.Dense(3 * shape[-1])
        self.qkv.build(shape)
        self.out = layers.Dense(shape[-1])
        self.out.build(shape)

    def call(self, x):
        batch, length, width = ops.shape(x)
        qkv = ops.reshape(self.qkv(x), (batch, length, 3, self.heads, width // self.heads))
        q, k, v = (ops.transpose(part, (0, 2, 1, 3)) for part in ops.unstack(qkv, axis=2))
        scores = ops.matmul(q, ops.swapaxes(k, 2, 3)) / ops.sqrt(float(width // self.heads))
        place = ops.arange(length)
        scores = ops.where(place[:, None] >= place[None, :], scores, -1e9)
        mixed = ops.matmul(ops.softmax(scores), v)
        return self.out(ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (batch, length, width)))


@keras.saving.register_keras_serializable("programs")
class SmallGpt(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.words = layers.Embedding(WORDS, WIDTH, embeddings_initializer=keras.initializers.RandomNormal(0.0, 0.1))
        self.places = layers.Embedding(LENGTH, WIDTH)
        self.blocks = [self.block() for _ in range(2)]
        self.norm = layers.LayerNormalization()

    def block(self):
        feed = keras.Sequential([layers.Dense(2 * WIDTH, activation="gelu"), layers.Dense(WIDTH)])
        return [layers.LayerNormalization(), CausalAttention(3), layers.LayerNormalization(), feed]

    def call(self, ids):
        x = self.words(ids) + self.places(ops.arange(ops.shape(ids)[1]))
        for norm_1, attention, norm_2, feed in self.blocks:
            x = x + attention(norm_1(x))
            x = x + feed(norm_2(x))
        return ops.matmul(self.norm(x), ops.transpose(self.words.embeddings))


model = SmallGpt()
x, y = corpus[:, :-1], corpus[:, 1:]
model.compile(keras.optimizers.AdamW(5e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
print(f"first loss = {model.evaluate(x, y, verbose=0)[0]:.6f}")
print("weights =", len(model.trainable_weights), model.count_params())
history = model.fit(x, y, batch_size=40, epochs=4, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch ~ {history['loss'][-1]:.4f}")

seeds = keras.random.SeedGenerator(5)


def continue_from(ids, count, k=3):
    ids = list(ids)
    for _ in range(count):
        logits = model(np.array([ids[-LENGTH:]]))[0, -1]
        best, where = ops.top_k(logits, k=k)
        chosen = int(keras.random.categorical(ops.reshape(best, (1, k)), 1, seed=seeds)[0, 0])
        ids.append(int(where[chosen]))
    return ids


written = continue_from([3, 5, 7], 6)
print("written =", len(written), all(0 <= word < WORDS for word in written))
greedy = continue_from([4, 5, 6, 7], 5, k=1)
print("perplexity ~", round(float(np.exp(model.evaluate(x[:40], y[:40], verbose=0)[0])), 1))
print("greedy =", len(greedy), greedy[:4])
