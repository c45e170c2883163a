"""tf.image: glimpses, random crops around objects and suppression of batches."""

from __future__ import annotations

import numpy as np

from tests.public.case import case

R = np.random.RandomState(8)
IMAGES = R.uniform(0, 1, (2, 6, 8, 3)).astype(np.float32)
POINTS = np.float32([[0.1, -0.3], [0.9, 0.2]])
OBJECT = np.float32([[[0.1, 0.2, 0.6, 0.7]]])
SIZE = np.int32([40, 60, 3])
CORNERS = np.sort(R.uniform(0, 1, (2, 12, 2, 2)), 2).reshape(2, 12, 4).astype(np.float32)
SCORES = R.uniform(0, 1, (2, 12)).astype(np.float32)

CASES = {
    "png-of-several": case(
        lambda tf, x: [
            tf.io.decode_png(tf.io.encode_png(tf.cast(x * 255, tf.uint8))[1]),
            tf.shape(tf.io.encode_png(tf.cast(x[None] * 255, tf.uint8))),
        ],
        IMAGES,
        gradient=False,
    ),
    "glimpse": case(lambda tf, x, at: tf.image.extract_glimpse(x, [3, 4], at, noise="zero"), IMAGES, POINTS, gradient=False),
    "glimpse-pixels": case(
        lambda tf, x, at: tf.image.extract_glimpse(x, (2, 5), at * 3.0, centered=False, normalized=False, noise="zero"),
        IMAGES,
        POINTS,
        gradient=False,
    ),
    "crop": case(
        lambda tf, size, boxes: tf.image.stateless_sample_distorted_bounding_box(size, boxes, (4, 1)), SIZE, OBJECT, gradient=False
    ),
    "crop-sliced": case(
        lambda tf, x, boxes: tf.slice(x, *tf.image.stateless_sample_distorted_bounding_box(tf.shape(x), boxes, (4, 1), 0.5)[:2]),
        IMAGES[0],
        OBJECT,
        gradient=False,
    ),
    "crop-whole": case(
        lambda tf, size: tf.image.stateless_sample_distorted_bounding_box(
            size, tf.zeros([1, 0, 4]), (2, 5), area_range=(0.5, 0.6), max_attempts=7, use_image_if_no_bounding_boxes=True
        ),
        SIZE,
    ),
    "suppression": case(
        lambda tf, boxes, scores: tf.image.non_max_suppression_padded(boxes[0], scores[0], 5, 0.3), CORNERS, SCORES
    ),
    "suppression-padded": case(
        lambda tf, boxes, scores: tf.image.non_max_suppression_padded(boxes[1], scores[1], 9, 0.2, 0.3, True), CORNERS, SCORES
    ),
    "suppression-batch": case(
        lambda tf, boxes, scores: tf.image.non_max_suppression_padded(boxes, scores, 8, 0.2, pad_to_max_output_size=True),
        CORNERS,
        SCORES,
    ),
    "bad-suppression": case(lambda tf, boxes, scores: tf.image.non_max_suppression_padded(boxes, scores, 8), CORNERS, SCORES),
    "bad-glimpse-noise": case(lambda tf, x, at: tf.image.extract_glimpse(x, [3, 4], at, noise="pink"), IMAGES, POINTS),
    "bad-glimpse-offsets": case(lambda tf, x, at: tf.image.extract_glimpse(x, [3, 4], at[:1]), IMAGES, POINTS),
    "bad-crop-without-boxes": case(
        lambda tf, size: tf.image.stateless_sample_distorted_bounding_box(size, tf.zeros([1, 0, 4]), (2, 5)), SIZE
    ),
    "bad-crop-size": case(lambda tf, size, boxes: tf.image.sample_distorted_bounding_box(size[:2], boxes), SIZE, OBJECT),
    "bad-crop-area": case(
        lambda tf, size, boxes: tf.image.sample_distorted_bounding_box(size, boxes, area_range=(0.1, 2.0)), SIZE, OBJECT
    ),
    "bad-crop-boxes": case(
        lambda tf, size, boxes: tf.image.sample_distorted_bounding_box(size, boxes * 3.0), SIZE, OBJECT, in_function=False
    ),
}
