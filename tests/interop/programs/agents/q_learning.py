"""Deep Q-learning in a corridor: a replay buffer, a target network that follows slowly, and the greedy way at the end."""

import collections

import keras
import numpy as np
import tensorflow as tf

LENGTH, ACTIONS = 8, 2
generator = np.random.default_rng(13)


def one_hot(place):
    return np.eye(LENGTH, dtype="float32")[place]


def move(place, action):
    place = min(max(place + (1 if action else -1), 0), LENGTH - 1)
    return place, float(place == LENGTH - 1), place == LENGTH - 1


def network():
    return keras.Sequential([keras.Input((LENGTH,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(ACTIONS)])


online, target = network(), network()
target.set_weights(online.get_weights())
optimizer = keras.optimizers.Adam(0.02)
huber = keras.losses.Huber()
buffer = collections.deque(maxlen=500)


@tf.function
def learn(states, actions, rewards, following, done):
    future = tf.reduce_max(target(following), axis=1)
    wanted = rewards + 0.9 * future * (1.0 - done)
    with tf.GradientTape() as tape:
        chosen = tf.reduce_sum(online(states) * tf.one_hot(actions, ACTIONS), axis=1)
        loss = huber(wanted, chosen)
    optimizer.apply_gradients(zip(tape.gradient(loss, online.trainable_variables), online.trainable_variables))
    for slow, fast in zip(target.variables, online.variables):
        slow.assign(0.9 * slow + 0.1 * fast)
    return loss


place, losses = 0, []
for step in range(240):
    # A walk that does not depend on what was learned, so that rounding cannot send it elsewhere.
    action = int(generator.uniform() < 0.6)
    following, reward, done = move(place, action)
    buffer.append((one_hot(place), action, reward, one_hot(following), float(done)))
    place = 0 if done else following
    if step >= 40:
        rows = [buffer[i] for i in generator.integers(0, len(buffer), 32)]
        states, actions, rewards, nexts, ends = (np.array(column) for column in zip(*rows))
        losses.append(
            float(
                learn(
                    states,
                    actions.astype("int32"),
                    rewards.astype("float32"),
                    nexts,
                    ends.astype("float32"),
                )
            )
        )
print(f"first loss = {losses[0]:.6f}")
print(f"second loss = {losses[1]:.6f}")
print("trained on =", len(losses), len(buffer))
q = online(np.eye(LENGTH, dtype="float32")).numpy()
print("goes right =", bool(np.all(q[:-1, 1] > q[:-1, 0])))
print(f"value ~ {float(q[LENGTH - 2, 1]):.2f}")
print("traces =", learn.experimental_get_tracing_count())
