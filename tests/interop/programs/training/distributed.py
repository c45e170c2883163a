"""A strategy over one device: variables made in its scope, fit under it, and a loop with strategy.run and reduce."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
print("replicas =", strategy.num_replicas_in_sync)
GLOBAL_BATCH = 32 * strategy.num_replicas_in_sync

generator = np.random.default_rng(5)
x = generator.normal(size=(160, 6)).astype("float32")
y = (x[:, :1] * 2 - x[:, 1:2] + 0.5).astype("float32")

with strategy.scope():
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse", metrics=["mae"])
dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(GLOBAL_BATCH)
print(f"first loss = {model.evaluate(dataset, verbose=0)[0]:.6f}")
history = model.fit(dataset, epochs=4, verbose=0)
print(f"first epoch = {history.history['loss'][0]:.6f}")
print(f"last epoch = {history.history['loss'][-1]:.5f}")

with strategy.scope():
    looped = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, kernel_initializer="ones")])
    optimizer = keras.optimizers.SGD(0.05)
    error = keras.losses.MeanSquaredError(reduction=None)
    seen = keras.metrics.Mean(name="seen")
    optimizer.build(looped.trainable_variables)


def replica_step(x, y):
    with tf.GradientTape() as tape:
        losses = error(y, looped(x, training=True))
        loss = tf.nn.compute_average_loss(losses, global_batch_size=GLOBAL_BATCH)
    gradients = tape.gradient(loss, looped.trainable_variables)
    optimizer.apply_gradients(zip(gradients, looped.trainable_variables))
    seen.update_state(losses)
    return loss


@tf.function
def step(batch):
    per_replica = strategy.run(replica_step, args=batch)
    return strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None)


losses = [float(step(batch)) for batch in strategy.experimental_distribute_dataset(dataset)]
print(f"first step = {losses[0]:.6f}")
print(f"last step = {losses[-1]:.6f}")
print("batches =", len(losses))
print(f"seen = {float(seen.result()):.5f}")


@tf.function
def which_replica():
    return strategy.run(lambda: tf.distribute.get_replica_context().replica_id_in_sync_group)


print("in a replica =", which_replica().numpy().tolist())
print("across =", tf.distribute.in_cross_replica_context(), tf.distribute.has_strategy())
