"""Image augmentation: Keras layers with seeds, tf.image functions, stateless ones in a pipeline, and resizing."""

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

generator = np.random.default_rng(1)
images = tf.constant(generator.uniform(0, 1, (4, 16, 16, 3)).astype("float32"))


def tell(name, value):
    value = tf.cast(value, tf.float32)
    print(f"{name} = {tuple(value.shape)} {float(tf.reduce_mean(value)):.5f} {float(tf.math.reduce_std(value)):.5f}")


LAYERS = {
    "flip": layers.RandomFlip("horizontal_and_vertical", seed=1),
    "rotation": layers.RandomRotation(0.2, seed=2),
    "zoom": layers.RandomZoom(0.3, seed=3),
    "translation": layers.RandomTranslation(0.2, 0.2, fill_mode="constant", seed=4),
    "contrast": layers.RandomContrast(0.3, seed=5),
    "brightness": layers.RandomBrightness(0.2, value_range=(0, 1), seed=6),
    "crop": layers.RandomCrop(10, 12, seed=7),
    "center crop": layers.CenterCrop(8, 8),
    "resizing": layers.Resizing(9, 11, interpolation="bilinear"),
    "padded": layers.Resizing(20, 30, pad_to_aspect_ratio=True),
}
for name, layer in LAYERS.items():
    tell(name, layer(images, training=True))
    tell(f"{name} at rest", layer(images, training=False))

FUNCTIONS = {
    "gray": tf.image.rgb_to_grayscale,
    "saturated": lambda x: tf.image.adjust_saturation(x, 3.0),
    "hue": lambda x: tf.image.adjust_hue(x, 0.1),
    "gamma": lambda x: tf.image.adjust_gamma(x, 0.5),
    "standard": tf.image.per_image_standardization,
    "central": lambda x: tf.image.central_crop(x, 0.5),
    "turned": lambda x: tf.image.rot90(x, 3),
    "bicubic": lambda x: tf.image.resize(x, [23, 9], method="bicubic"),
    "nearest": lambda x: tf.image.resize(x, [8, 8], method="nearest"),
    "area": lambda x: tf.image.resize(x, [7, 5], method="area"),
    "boxed": lambda x: tf.image.resize_with_pad(x, 12, 20),
    "edges": tf.image.sobel_edges,
    "variation": tf.image.total_variation,
    "patches": lambda x: tf.image.extract_patches(x, [1, 4, 4, 1], [1, 3, 3, 1], [1, 1, 1, 1], "VALID"),
}
for name, function in FUNCTIONS.items():
    tell(name, function(images))
print("psnr =", [round(float(v), 4) for v in tf.image.psnr(images, images * 0.9, 1.0)])
print("ssim =", [round(float(v), 4) for v in tf.image.ssim(images, images * 0.9, 1.0, filter_size=7)])


def augment(index, image):
    seed = tf.stack([tf.cast(index, tf.int32), 7])
    image = tf.image.stateless_random_flip_left_right(image, seed)
    image = tf.image.stateless_random_brightness(image, 0.2, seed + 1)
    image = tf.image.stateless_random_crop(image, [12, 12, 3], seed + 2)
    return tf.clip_by_value(image, 0.0, 1.0)


pipeline = (
    tf.data.Dataset.from_tensor_slices(images).repeat(2).enumerate().map(augment, num_parallel_calls=tf.data.AUTOTUNE).batch(8)
)
tell("pipeline", next(iter(pipeline)))
pixels = tf.image.convert_image_dtype(images[0], tf.uint8, saturate=True)
print("png =", bool(tf.reduce_all(tf.io.decode_image(tf.io.encode_png(pixels)) == pixels)))
boxes = tf.constant([[0.1, 0.2, 0.7, 0.8], [0.0, 0.0, 0.5, 0.5]])
tell("crops", tf.image.crop_and_resize(images, boxes, [0, 2], [6, 6]))
tell("drawn", tf.image.draw_bounding_boxes(images[:2], boxes[:, tf.newaxis], [[1.0, 0.0, 0.0]]))
