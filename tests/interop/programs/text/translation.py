"""A transformer that translates: sine positions, encoder and decoder, masks, a warm-up schedule, and greedy decoding."""

import numpy as np
import tensorflow as tf

WORDS, WIDTH, HEADS, LENGTH = 24, 16, 2, 8
START, END = 1, 2
generator = np.random.default_rng(16)
source = generator.integers(3, WORDS, (192, LENGTH))
source[:, 6:] = np.where(generator.uniform(size=(192, 2)) < 0.5, 0, source[:, 6:])
source[:, 7] = np.where(source[:, 6] == 0, 0, source[:, 7])


def translate(row):
    """The other language: words backwards, each moved on by one."""
    words = [3 + (word - 2) % (WORDS - 3) for word in row[::-1] if word]
    return [START, *words, END] + [0] * (LENGTH - len(words))


target = np.array([translate(row) for row in source])


def positions(length, depth):
    angle = np.arange(length)[:, None] / 10000.0 ** (np.arange(depth // 2)[None] / (depth / 2))
    return tf.constant(np.concatenate([np.sin(angle), np.cos(angle)], axis=-1), tf.float32)


class Embedding(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(WORDS, WIDTH, mask_zero=True)
        self.positions = positions(32, WIDTH)

    def compute_mask(self, *args, **options):
        return self.embedding.compute_mask(*args, **options)

    def call(self, x):
        length = tf.shape(x)[1]
        return self.embedding(x) * tf.sqrt(float(WIDTH)) + self.positions[tf.newaxis, :length]


class Attention(tf.keras.layers.Layer):
    def __init__(self, causal=False):
        super().__init__()
        self.attention = tf.keras.layers.MultiHeadAttention(num_heads=HEADS, key_dim=WIDTH // HEADS, dropout=0.05)
        self.norm = tf.keras.layers.LayerNormalization()
        self.add = tf.keras.layers.Add()
        self.causal = causal

    def call(self, x, context):
        return self.norm(self.add([x, self.attention(query=x, value=context, key=context, use_causal_mask=self.causal)]))


class FeedForward(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.seq = tf.keras.Sequential(
            [tf.keras.layers.Dense(32, activation="relu"), tf.keras.layers.Dense(WIDTH), tf.keras.layers.Dropout(0.05)]
        )
        self.add = tf.keras.layers.Add()
        self.norm = tf.keras.layers.LayerNormalization()

    def call(self, x):
        return self.norm(self.add([x, self.seq(x)]))


class Transformer(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.source, self.target = Embedding(), Embedding()
        self.encoder = [Attention(), FeedForward()]
        self.decoder = [Attention(causal=True), Attention(), FeedForward()]
        self.last = tf.keras.layers.Dense(WORDS)

    def call(self, inputs):
        context, x = inputs
        context, x = self.source(context), self.target(x)
        attend, forward = self.encoder
        context = forward(attend(context, context))
        itself, cross, forward = self.decoder
        return self.last(forward(cross(itself(x, x), context)))


class WarmUp(tf.keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, width, warmup_steps=20):
        super().__init__()
        self.width, self.warmup_steps = width, warmup_steps

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        return tf.math.rsqrt(tf.cast(self.width, tf.float32)) * tf.minimum(
            tf.math.rsqrt(step + 1), (step + 1) * self.warmup_steps**-1.5
        )


def masked_loss(label, prediction):
    mask = label != 0
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")(label, prediction)
    mask = tf.cast(mask, loss.dtype)
    return tf.reduce_sum(loss * mask) / tf.reduce_sum(mask)


def masked_accuracy(label, prediction):
    prediction = tf.cast(tf.argmax(prediction, axis=2), label.dtype)
    mask = tf.cast(label != 0, tf.float32)
    return tf.reduce_sum(tf.cast(label == prediction, tf.float32) * mask) / tf.reduce_sum(mask)


model = Transformer()
model.compile(
    loss=masked_loss,
    optimizer=tf.keras.optimizers.Adam(WarmUp(WIDTH), beta_1=0.9, beta_2=0.98, epsilon=1e-9),
    metrics=[masked_accuracy],
)
batches = tf.data.Dataset.from_tensor_slices(((source, target[:, :-1]), target[:, 1:])).batch(32)
logits = model((source[:2], target[:2, :-1]))
print("shape =", tuple(logits.shape), model.count_params())
print("no peeking =", bool(np.allclose(logits[:, :3], model((source[:2], target[:2, :3]))[:, :3], atol=1e-4)))
print(f"first loss = {model.evaluate(batches, verbose=0)[0]:.6f}")
history = model.fit(batches, epochs=4, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch ~ {history['loss'][-1]:.4f}")


class Translator(tf.Module):
    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def __call__(self, sentence):
        words = tf.TensorArray(dtype=tf.int64, size=0, dynamic_size=True)
        words = words.write(0, tf.constant([START], tf.int64))
        for i in tf.range(LENGTH):
            so_far = tf.transpose(words.stack())
            following = tf.argmax(self.transformer([sentence[tf.newaxis], so_far], training=False)[:, -1], axis=-1)
            words = words.write(i + 1, following)
            if following[0] == END:
                break
        return tf.transpose(words.stack())[0]


translated = Translator(model)(tf.constant(source[0]))
print("begins with start =", int(translated[0]), 2 <= len(translated) <= LENGTH + 1)
