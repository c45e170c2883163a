"""Mixed precision: bfloat16 and float16 policies, float32 variables, and a loss scale under fit and in a loop of one's own."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers, mixed_precision

generator = np.random.default_rng(17)
x = generator.uniform(0, 1, (128, 20)).astype("float32")
y = np.digitize(x.mean(axis=1), [0.47, 0.53]).astype("int64")


def build():
    inputs = keras.Input((20,))
    hidden = layers.Dense(32, activation="relu", name="hidden")(inputs)
    logits = layers.Dense(3, name="logits")(hidden)
    return keras.Model(inputs, layers.Activation("softmax", dtype="float32", name="answer")(logits))


for name in ("mixed_bfloat16", "mixed_float16"):
    mixed_precision.set_global_policy(name)
    model = build()
    hidden = model.get_layer("hidden")
    print(name, "=", hidden.compute_dtype, hidden.variable_dtype, hidden(x[:2]).dtype.name, model.output.dtype)
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    print(f"first loss of {name} ~ {model.evaluate(x, y, verbose=0)[0]:.5f}")
    history = model.fit(x, y, batch_size=32, epochs=3, shuffle=False, verbose=0)
    print(f"{name} last loss ~ {history.history['loss'][-1]:.5f}")
    print(f"{name} optimizer =", type(model.optimizer).__name__)

optimizer = mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.1), initial_scale=1024.0, dynamic_growth_steps=3)
model = build()
optimizer.build(model.trainable_variables)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, model(x, training=True)))
        scaled = optimizer.scale_loss(loss)
    optimizer.apply_gradients(zip(tape.gradient(scaled, model.trainable_variables), model.trainable_variables))
    return loss


losses = [float(step(x, y)) for _ in range(6)]
print(f"loop ~ {losses[0]:.4f} {losses[-1]:.4f}")
print("scale =", float(optimizer.dynamic_scale))
before = [v.numpy() for v in model.trainable_variables]
step(x * 1e30, y)
print(
    "skipped =",
    all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.trainable_variables)),
    float(optimizer.dynamic_scale),
)
