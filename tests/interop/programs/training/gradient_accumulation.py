"""Gradients gathered over several small batches before a step: by hand in variables, and by the optimizer's own option."""

import keras
import numpy as np
import tensorflow as tf

generator = np.random.default_rng(14)
x = generator.normal(size=(96, 10)).astype("float32")
y = np.argmax(x[:, :3], axis=1).astype("int32")


def build():
    start = keras.initializers.GlorotUniform(seed=3)
    return keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.Dense(16, activation="relu", kernel_initializer=start),
            keras.layers.Dense(3, kernel_initializer=start),
        ]
    )


loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


class Accumulator:
    """Adds gradients of `every` batches, then applies their mean."""

    def __init__(self, model, optimizer, every):
        self.model, self.optimizer, self.every = model, optimizer, every
        self.sums = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in model.trainable_variables]
        self.count = tf.Variable(0, trainable=False)

    @tf.function
    def step(self, x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, self.model(x, training=True))
        for total, gradient in zip(self.sums, tape.gradient(loss, self.model.trainable_variables)):
            total.assign_add(gradient / self.every)
        self.count.assign_add(1)
        if self.count % self.every == 0:
            self.optimizer.apply_gradients(zip([tf.convert_to_tensor(s) for s in self.sums], self.model.trainable_variables))
            for total in self.sums:
                total.assign(tf.zeros_like(total))
        return loss


small = Accumulator(build(), keras.optimizers.SGD(0.5), every=4)
large = Accumulator(build(), keras.optimizers.SGD(0.5), every=1)
small.optimizer.build(small.model.trainable_variables)
large.optimizer.build(large.model.trainable_variables)
for epoch in range(4):
    losses = [float(small.step(x[i : i + 24], y[i : i + 24])) for i in range(0, 96, 24)]
    whole = float(large.step(x, y))
    print(f"{'first ' if epoch == 0 else ''}epoch {epoch} = {np.mean(losses):.6f} {whole:.6f}")
same = all(np.allclose(a, b, atol=1e-5) for a, b in zip(small.model.get_weights(), large.model.get_weights()))
print("equal to large batches =", same)

model = build()
model.compile(keras.optimizers.SGD(0.5, gradient_accumulation_steps=4), loss_fn, metrics=["accuracy"])
history = model.fit(x, y, batch_size=24, epochs=4, shuffle=False, verbose=0)
print(f"first built in = {history.history['loss'][0]:.6f}")
print("equal to by hand =", all(np.allclose(a, b, atol=1e-5) for a, b in zip(model.get_weights(), small.model.get_weights())))
