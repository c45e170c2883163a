"""An actor-critic that balances a pole: a simulation in numpy inside tf.numpy_function, returns, advantages and Huber loss."""

import numpy as np
import tensorflow as tf
from tensorflow import keras


class Pole:
    """A cart with a pole, as in the textbooks."""

    def __init__(self):
        self.state = np.zeros(4, np.float32)

    def reset(self):
        self.state = np.float32([0.01, 0.0, 0.02, 0.0])
        return self.state

    def step(self, action):
        x, speed, angle, spin = (float(v) for v in self.state)
        force = 10.0 if action == 1 else -10.0
        push = (force + 0.05 * spin**2 * np.sin(angle)) / 1.1
        turn = (9.8 * np.sin(angle) - np.cos(angle) * push) / (0.5 * (4.0 / 3.0 - 0.1 * np.cos(angle) ** 2 / 1.1))
        move = push - 0.05 * turn * np.cos(angle) / 1.1
        self.state = np.float32([x + 0.02 * speed, speed + 0.02 * move, angle + 0.02 * spin, spin + 0.02 * turn])
        done = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.21
        return self.state, np.float32(1.0), np.int32(done)


class ActorCritic(keras.Model):
    def __init__(self, actions, units):
        super().__init__()
        self.common = keras.layers.Dense(units, activation="relu")
        self.actor = keras.layers.Dense(actions)
        self.critic = keras.layers.Dense(1)

    def call(self, inputs):
        x = self.common(inputs)
        return self.actor(x), self.critic(x)


world = Pole()
model = ActorCritic(2, 32)
optimizer = keras.optimizers.Adam(0.01)
huber = keras.losses.Huber(reduction="sum")


def env_step(action):
    return tf.numpy_function(world.step, [action], [tf.float32, tf.float32, tf.int32])


def episode(start, most):
    probabilities = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    values = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    rewards = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    state = start
    for t in tf.range(most):
        logits, value = model(state[tf.newaxis])
        chance = tf.nn.softmax(logits)[0]
        # The better action, but for every fifth step: exploration without a random number.
        action = tf.argmax(chance, output_type=tf.int32)
        if t % 5 == 4:
            action = 1 - action
        probabilities = probabilities.write(t, chance[action])
        values = values.write(t, value[0, 0])
        state, reward, done = env_step(action)
        state, reward, done = tf.ensure_shape(state, [4]), tf.ensure_shape(reward, []), tf.ensure_shape(done, [])
        rewards = rewards.write(t, reward)
        if tf.cast(done, tf.bool):
            break
    return probabilities.stack(), values.stack(), rewards.stack()


def returns_of(rewards, gamma=0.99):
    discounted = tf.scan(lambda total, r: r + gamma * total, rewards[::-1], initializer=tf.constant(0.0))[::-1]
    return (discounted - tf.reduce_mean(discounted)) / (tf.math.reduce_std(discounted) + 1e-6)


@tf.function
def train_step(start, most):
    with tf.GradientTape() as tape:
        probabilities, values, rewards = episode(start, most)
        returns = returns_of(rewards)
        advantage = returns - values
        actor_loss = -tf.reduce_sum(tf.math.log(probabilities) * tf.stop_gradient(advantage))
        loss = actor_loss + huber(values[:, tf.newaxis], returns[:, tf.newaxis])
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss, tf.reduce_sum(rewards)


model(tf.zeros([1, 4]))
for number in range(4):
    loss, reward = train_step(tf.constant(world.reset()), tf.constant(30))
    if number == 0:
        print(f"first loss = {float(loss):.6f}")
        print("first reward =", float(reward))
print("steps =", int(optimizer.iterations))
print("finite =", bool(np.isfinite(float(loss))))
