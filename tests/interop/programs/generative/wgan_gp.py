"""A Wasserstein GAN with gradient penalty on points in the plane: compile with two optimizers, several critic steps a batch."""

import keras
import numpy as np
import tensorflow as tf

NOISE = 4
source = np.random.default_rng(24)
angles = source.uniform(0, 2 * np.pi, 512)
ring = (np.stack([np.cos(angles), np.sin(angles)], axis=1) * 2 + 0.05 * source.normal(size=(512, 2))).astype("float32")


class WGAN(keras.Model):
    def __init__(self, critic, generator, critic_steps=2, penalty_weight=10.0):
        super().__init__()
        self.critic, self.generator = critic, generator
        self.critic_steps, self.penalty_weight = critic_steps, penalty_weight

    def compile(self, critic_optimizer, generator_optimizer):
        super().compile()
        self.critic_optimizer, self.generator_optimizer = critic_optimizer, generator_optimizer

    def penalty(self, real, fake):
        share = tf.random.uniform([tf.shape(real)[0], 1])
        between = real + share * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            opinion = self.critic(between, training=True)
        slope = tape.gradient(opinion, [between])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(slope), axis=1))
        return tf.reduce_mean((norm - 1.0) ** 2)

    def train_step(self, real):
        count = tf.shape(real)[0]
        for _ in range(self.critic_steps):
            noise = tf.random.normal([count, NOISE])
            with tf.GradientTape() as tape:
                fake = self.generator(noise, training=True)
                distance = tf.reduce_mean(self.critic(fake, training=True)) - tf.reduce_mean(self.critic(real, training=True))
                penalty = self.penalty(real, fake)
                critic_loss = distance + self.penalty_weight * penalty
            gradients = tape.gradient(critic_loss, self.critic.trainable_variables)
            self.critic_optimizer.apply_gradients(zip(gradients, self.critic.trainable_variables))
        noise = tf.random.normal([count, NOISE])
        with tf.GradientTape() as tape:
            generator_loss = -tf.reduce_mean(self.critic(self.generator(noise, training=True), training=True))
        gradients = tape.gradient(generator_loss, self.generator.trainable_variables)
        self.generator_optimizer.apply_gradients(zip(gradients, self.generator.trainable_variables))
        return {"critic": critic_loss, "generator": generator_loss, "penalty": penalty}


def network(inputs):
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(24, activation="leaky_relu"),
            keras.layers.Dense(24, activation="leaky_relu"),
            keras.layers.Dense(1 if inputs == 2 else 2),
        ]
    )


class Watch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rows = []

    def on_train_batch_end(self, batch, logs=None):
        self.rows.append({name: float(value) for name, value in logs.items()})


gan = WGAN(network(2), network(NOISE))
gan.compile(keras.optimizers.Adam(2e-3, beta_1=0.5, beta_2=0.9), keras.optimizers.Adam(2e-3, beta_1=0.5, beta_2=0.9))
watch = Watch()
print(f"first opinion = {float(tf.reduce_mean(gan.critic(ring[:16]))):.6f}")
gan.fit(ring, batch_size=64, epochs=2, verbose=0, shuffle=False, callbacks=[watch])
for name in sorted(watch.rows[0]):
    print(f"early {name} = {watch.rows[0][name]:.7f}")
    print(f"last {name} ~ {watch.rows[-1][name]:.3f}")
print("steps =", len(watch.rows), int(gan.critic_optimizer.iterations), int(gan.generator_optimizer.iterations))
points = gan.generator.predict(np.zeros((3, NOISE), "float32"), verbose=0)
print("points =", points.shape)
