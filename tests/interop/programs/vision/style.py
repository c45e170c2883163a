"""A picture as the variable: content and style by Gram matrices of a convolutional net's features, with total variation."""

import numpy as np
import tensorflow as tf

SIDE = 32
rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
content = np.stack([rows, columns, (rows - 0.5) ** 2 + (columns - 0.5) ** 2 < 0.1], axis=-1).astype("float32")[None]
style = (
    np.stack([np.sin(20 * columns), np.sin(20 * rows), np.sin(14 * (rows + columns))], axis=-1).astype("float32")[None] / 2 + 0.5
)

layers = [
    tf.keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="one"),
    tf.keras.layers.AveragePooling2D(2),
    tf.keras.layers.Conv2D(12, 3, padding="same", activation="relu", name="two"),
    tf.keras.layers.AveragePooling2D(2),
    tf.keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="three"),
]
net = tf.keras.Sequential([tf.keras.Input((SIDE, SIDE, 3)), *layers])
net.trainable = False
extract = tf.keras.Model(net.inputs, {name: net.get_layer(name).output for name in ("one", "two", "three")})


def gram(features):
    total = tf.linalg.einsum("bijc,bijd->bcd", features, features)
    return total / tf.cast(tf.shape(features)[1] * tf.shape(features)[2], tf.float32)


style_targets = {name: gram(value) for name, value in extract(style).items()}
content_target = extract(content)["three"]
image = tf.Variable(content)
optimizer = tf.keras.optimizers.Adam(learning_rate=0.02, beta_1=0.99, epsilon=1e-1)


@tf.function()
def step(image):
    with tf.GradientTape() as tape:
        features = extract(image)
        style_loss = tf.add_n([tf.reduce_mean((gram(features[name]) - style_targets[name]) ** 2) for name in style_targets])
        content_loss = tf.reduce_mean((features["three"] - content_target) ** 2)
        smooth = tf.reduce_sum(tf.image.total_variation(image)) / (SIDE * SIDE)
        loss = 1e4 * style_loss + 1e2 * content_loss + smooth
    gradient = tape.gradient(loss, image)
    optimizer.apply_gradients([(gradient, image)])
    image.assign(tf.clip_by_value(image, 0.0, 1.0))
    return loss


losses = [float(step(image)) for _ in range(15)]
print(f"first loss = {losses[0]:.6f}")
print(f"second loss = {losses[1]:.4f}")
print(f"last loss ~ {losses[-1]:.3f}")
print("within =", float(tf.reduce_min(image)) >= 0.0, float(tf.reduce_max(image)) <= 1.0)
print("names =", sorted(style_targets), [tuple(style_targets[name].shape) for name in sorted(style_targets)])
print(f"changed ~ {float(tf.reduce_mean(tf.abs(image - content))):.4f}")
