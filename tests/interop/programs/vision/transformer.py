"""A vision transformer: patches as words, learned positions, attention blocks, and the attention scores of a picture."""

import keras
import numpy as np
from keras import layers, ops

SIDE, PATCH, WIDTH, HEADS = 24, 6, 24, 3
generator = np.random.default_rng(2)
labels = generator.integers(0, 4, 160)
images = generator.normal(0, 0.3, (160, SIDE, SIDE, 1)).astype("float32")
for image, label in zip(images, labels):
    row, column = divmod(int(label), 2)
    image[row * 12 + 2 : row * 12 + 10, column * 12 + 2 : column * 12 + 10] += 1.0


class Patches(layers.Layer):
    def __init__(self, size, **options):
        super().__init__(**options)
        self.size = size

    def call(self, images):
        patches = ops.image.extract_patches(images, size=self.size)
        batch, rows, columns, depth = ops.shape(patches)
        return ops.reshape(patches, (batch, rows * columns, depth))


class Positions(layers.Layer):
    """Projects patches and adds where they stand."""

    def __init__(self, count, width, **options):
        super().__init__(**options)
        self.count = count
        self.project = layers.Dense(width)
        self.table = layers.Embedding(count, width)

    def call(self, patches):
        return self.project(patches) + self.table(ops.expand_dims(ops.arange(0, self.count), 0))


inputs = keras.Input((SIDE, SIDE, 1))
x = Positions((SIDE // PATCH) ** 2, WIDTH)(Patches(PATCH)(inputs))
for number in range(2):
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y, scores = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, dropout=0.1, name=f"attention_{number}")(
        y, y, return_attention_scores=True
    )
    x = layers.Add()([x, y])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.Dense(WIDTH * 2, activation=keras.activations.gelu)(y)
    x = layers.Add()([layers.Dense(WIDTH)(layers.Dropout(0.1)(y)), x])
x = layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(x))
model = keras.Model(inputs, layers.Dense(4)(layers.Dropout(0.2)(x)))
model.compile(
    keras.optimizers.AdamW(learning_rate=3e-3, weight_decay=1e-4),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseTopKCategoricalAccuracy(2, name="top-2"), "accuracy"],
)
print("parameters =", model.count_params())
print(f"first loss = {model.evaluate(images, labels, verbose=0, return_dict=True)['loss']:.6f}")
history = model.fit(images[:128], labels[:128], batch_size=32, epochs=3, verbose=0).history
print(f"first epoch = {history['loss'][0]:.5f}")
print(f"last epoch ~ {history['loss'][-1]:.4f}")
attention = keras.Model(inputs, scores).predict(images[:2], verbose=0)
print("scores =", attention.shape, bool(np.allclose(attention.sum(axis=-1), 1.0, atol=1e-5)))
print(f"top two ~ {model.evaluate(images[128:], labels[128:], verbose=0, return_dict=True)['top-2']:.3f}")
