"""A training loop of one's own: GradientTape, a compiled step, an optimizer and metrics of Keras, and validation."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

generator = np.random.default_rng(3)
centres = generator.normal(0, 2.5, (4, 8))
labels = generator.integers(0, 4, 640)
points = (centres[labels] + generator.normal(size=(640, 8))).astype("float32")
train = tf.data.Dataset.from_tensor_slices((points[:512], labels[:512])).shuffle(512).batch(64)
held_out = tf.data.Dataset.from_tensor_slices((points[512:], labels[512:])).batch(64)

inputs = keras.Input(shape=(8,), name="points")
x = keras.layers.Dense(32, activation="relu")(inputs)
x = keras.layers.BatchNormalization()(x)
x = keras.layers.Dropout(0.1)(x)
model = keras.Model(inputs, keras.layers.Dense(4, name="logits")(x))

optimizer = keras.optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_accuracy = keras.metrics.SparseCategoricalAccuracy()
held_out_accuracy = keras.metrics.SparseCategoricalAccuracy()
mean_loss = keras.metrics.Mean()


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss = loss_fn(y, logits)
    gradients = tape.gradient(loss, model.trainable_weights)
    clipped, norm = tf.clip_by_global_norm(gradients, 1.0)
    optimizer.apply_gradients(zip(clipped, model.trainable_weights))
    train_accuracy.update_state(y, logits)
    mean_loss.update_state(loss)
    return loss, norm


@tf.function
def test_step(x, y):
    held_out_accuracy.update_state(y, model(x, training=False))


steps = 0
for epoch in range(3):
    for _batch, (x, y) in enumerate(train):
        loss, norm = train_step(x, y)
        if steps < 2:
            print(f"first loss {steps} = {float(loss):.6f}")
            print(f"first norm {steps} = {float(norm):.6f}")
        steps += 1
    for x, y in held_out:
        test_step(x, y)
    print(f"epoch {epoch} loss = {float(mean_loss.result()):.5f}")
    print(f"epoch {epoch} accuracy ~ {float(train_accuracy.result()):.4f} {float(held_out_accuracy.result()):.4f}")
    for metric in (mean_loss, train_accuracy, held_out_accuracy):
        metric.reset_state()
print("steps =", steps, int(optimizer.iterations))
print("moving mean =", len(model.non_trainable_weights), len(model.trainable_weights))
