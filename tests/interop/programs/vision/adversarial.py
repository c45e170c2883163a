"""Gradients by the input: an adversarial example, a saliency map, integrated gradients and Grad-CAM of one trained model."""

import numpy as np
import tensorflow as tf

SIDE = 16
generator = np.random.default_rng(10)
labels = generator.integers(0, 2, 120)
images = generator.uniform(0, 0.4, (120, SIDE, SIDE, 1)).astype("float32")
images[labels == 1, 4:8, 4:8] += 0.5
images[labels == 0, 10:14, 10:14] += 0.5

inputs = tf.keras.Input((SIDE, SIDE, 1))
maps = tf.keras.layers.Conv2D(6, 3, activation="relu", padding="same", name="maps")(inputs)
pooled = tf.keras.layers.AveragePooling2D(4)(maps)
outputs = tf.keras.layers.Dense(2)(tf.keras.layers.Flatten()(pooled))
model = tf.keras.Model(inputs, outputs)
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(tf.keras.optimizers.SGD(0.5), loss_fn, metrics=["accuracy"])
print(f"first loss = {model.evaluate(images, labels, verbose=0)[0]:.6f}")
model.fit(images, labels, batch_size=30, epochs=8, shuffle=False, verbose=0)
print(f"trained loss = {model.evaluate(images, labels, verbose=0)[0]:.5f}")

image, label = tf.constant(images[:1]), tf.constant(labels[:1])
with tf.GradientTape() as tape:
    tape.watch(image)
    loss = loss_fn(label, model(image))
gradient = tape.gradient(loss, image)
attacked = tf.clip_by_value(image + 0.2 * tf.sign(gradient), 0.0, 1.0)
print(f"loss under attack = {float(loss):.5f} {float(loss_fn(label, model(attacked))):.5f}")
saliency = tf.reduce_max(tf.abs(gradient), axis=-1)[0]
print("salient row =", [round(float(v), 6) for v in saliency[5, 2:8]])


@tf.function
def integrated(image, target, steps=16):
    alphas = tf.reshape(tf.linspace(0.0, 1.0, steps + 1), [-1, 1, 1, 1])
    path = alphas * image
    with tf.GradientTape() as tape:
        tape.watch(path)
        score = tf.gather(tf.nn.softmax(model(path)), target, axis=1)
    gradients = tape.gradient(score, path)
    mean = tf.reduce_mean((gradients[:-1] + gradients[1:]) / 2.0, axis=0)
    return mean * image[0]


target = int(labels[0])
attribution = integrated(image, target)
probability = tf.nn.softmax(model(image))[0, target] - tf.nn.softmax(model(tf.zeros_like(image)))[0, target]
print(f"attribution = {float(tf.reduce_sum(attribution)):.4f}")
print("adds up =", abs(float(tf.reduce_sum(attribution)) - float(probability)) < 0.02)

both = tf.keras.Model(model.inputs, [model.get_layer("maps").output, model.output])
with tf.GradientTape() as tape:
    features, scores = both(image)
    score = scores[:, target]
weights = tf.reduce_mean(tape.gradient(score, features), axis=(0, 1, 2))
heat = tf.maximum(tf.reduce_sum(features[0] * weights, axis=-1), 0)
print("heat =", tuple(heat.shape), round(float(tf.reduce_mean(heat)), 5))
