"""Images resized by the C library, by numpy, and by compiled code are the same."""

from __future__ import annotations

import numpy as np
import pytest

import headrace as tf
from headrace.dispatch.opdef import get
from headrace.native import library
from headrace.ops.image.resizing import bilinear_taps


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int32])
@pytest.mark.parametrize("method", ["ResizeBilinear", "ResizeBicubic", "ResizeNearestNeighbor", "ResizeArea"])
@pytest.mark.parametrize("size", [(3, 5), (20, 31), (7, 9), (1, 1)])
def test_the_three_ways_agree(dtype: type, method: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(3).integers(0, 256, (2, 7, 9, 3)).astype(dtype)
    options = {} if method == "ResizeArea" else {"half_pixel_centers": True}
    op = get(method)
    compiled = tf.function(lambda x: op(x, size, **options), jit_compile=True)(tf.constant(images)).numpy()
    by_library = op.host(images, np.array(size), **options)  # type: ignore[misc]
    monkeypatch.setattr(library, "load", lambda: None)
    by_numpy = op.host(images, np.array(size), **options)  # type: ignore[misc]
    assert by_library.dtype == by_numpy.dtype == compiled.dtype
    np.testing.assert_allclose(by_library, compiled, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(by_numpy, compiled, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_step_is_rounded_as_in_tensorflow(dtype: type, channels: int, native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not native:
        monkeypatch.setattr(library, "load", lambda: None)
    images = np.random.default_rng(3).integers(0, 256, (2, 30, 40, channels)).astype(dtype)
    down, across = (bilinear_taps(before, after, False, True) for before, after in ((30, 17), (40, 90)))
    pixels = images.astype(np.float32)
    above, below = (pixels[:, places] for places in down.places.T)

    def between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        return first + (second - first) * share[:, None]

    left, right = across.places.T
    top, bottom = (between(row[:, :, left], row[:, :, right], across.weight[:, 1]) for row in (above, below))
    wanted = between(top, bottom, down.weight[:, 1, None])
    found = get("ResizeBilinear").host(images, np.array([17, 90]), half_pixel_centers=True)  # type: ignore[misc]
    np.testing.assert_array_equal(found, wanted)


def test_parts_of_arrays_are_resized_right() -> None:
    whole = np.random.default_rng(3).integers(0, 256, (1, 14, 18, 6)).astype(np.uint8)
    part = whole[:, ::2, 1::2, ::-2]
    op = get("ResizeBilinear")
    np.testing.assert_array_equal(op.host(part, np.array([5, 6])), op.host(part.copy(), np.array([5, 6])))  # type: ignore[misc]


def test_decoded_images_of_every_size_share_one_compilation() -> None:
    pytest.importorskip("PIL")

    @tf.function
    def prepared(data: tf.Tensor) -> tf.Tensor:
        image = tf.image.convert_image_dtype(tf.io.decode_png(data, channels=3), tf.float32)
        return tf.image.resize(tf.image.flip_left_right(image), [4, 4]) * 2.0

    from headrace.runtime import executable

    for height, width in [(5, 6), (8, 3), (4, 4)]:
        pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3)).astype(np.uint8)
        found = prepared(tf.io.encode_png(pixels)).numpy()
        wanted = tf.image.resize(tf.constant(pixels[:, ::-1].astype(np.float32) / 255), [4, 4]) * 2.0
        np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5, atol=1e-5)
    plan = executable.of(prepared.get_concrete_function(tf.TensorSpec([], tf.string)).graph).plan
    compiled = [node.op for segment in plan.segments if not segment.on_host for node in segment.nodes]
    assert "ResizeBilinear" not in compiled
    assert "ReverseV2" not in compiled
