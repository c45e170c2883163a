"""Decoding and encoding images, on the host, with Pillow and, for most JPEG images, simplejpeg (the extra `headrace[image]`).

Sizes are checked before pixels are decoded, so that a small file cannot claim all memory.
"""

from __future__ import annotations

import functools
import io
from typing import Any, NamedTuple

import numpy as np

from headrace.core.dtypes import INDEX, DType, float32, int32, uint8, uint16
from headrace.core.errors import InvalidArgumentError, UnimplementedError
from headrace.dispatch.opdef import get, op

MOST_PIXELS = 1 << 28
"""The most pixels (all frames together) that an image may have."""
_JPEG_START = b"\xff\xd8\xff"
_ACCURATE = "INTEGER_ACCURATE"
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def pillow() -> Any:
    """The module PIL.Image.

    Raises:
        UnimplementedError: Pillow is not installed.
    """
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError:
        raise UnimplementedError(
            "images are decoded, encoded and drawn by Pillow, which is not installed; install headrace[image]"
        ) from None
    return Image


@functools.cache
def _turbo() -> Any:
    """The library simplejpeg, which decodes straight into arrays; None where it is not installed."""
    try:
        import simplejpeg  # noqa: PLC0415
    except ImportError:
        return None
    return simplejpeg


class _How(NamedTuple):
    """How a JPEG image is decoded, in the words of the op; the defaults are TensorFlow's own, fast transform included."""

    ratio: int = 1
    fancy_upscaling: bool = True
    dct_method: str = ""


def _decode_quickly(data: bytes, channels: int, how: _How) -> Any:
    """The pixels of a plain and sound JPEG image of gray or colour; None for anything else, which Pillow decodes or refuses."""
    turbo = _turbo()
    if turbo is None:
        return None
    try:
        height, width, colours, _ = turbo.decode_jpeg_header(data)
        if colours not in ("Gray", "YCbCr") or height * width > MOST_PIXELS:
            return None
        wanted = channels or (1 if colours == "Gray" else 3)
        fast = how.dct_method != _ACCURATE
        return turbo.decode_jpeg(data, "GRAY" if wanted == 1 else "RGB", fastdct=fast, fastupsample=not how.fancy_upscaling)
    except ValueError:
        return None


def _bytes_of(contents: Any) -> bytes:
    if contents.ndim:
        raise InvalidArgumentError(f"contents is one string, the bytes of an image; got shape {list(contents.shape)}")
    return bytes(contents.item())


def _open(data: bytes, formats: tuple[str, ...]) -> Any:
    """The image, its pixels not yet read."""
    library = pillow()
    try:
        image = library.open(io.BytesIO(data), formats=formats)
        frames = getattr(image, "n_frames", 1)
    except (OSError, SyntaxError, ValueError, library.DecompressionBombError) as error:
        kinds = " or ".join(formats)
        raise InvalidArgumentError(f"the {len(data)} bytes given are no {kinds} image that can be read ({error})") from None
    if image.width * image.height * frames > MOST_PIXELS:
        raise InvalidArgumentError(
            f"the image has {frames} frame(s) of {image.width} x {image.height} pixels; at most {MOST_PIXELS} pixels are decoded"
        )
    return image


def _pixels(image: Any, mode: str) -> Any:
    """The present frame as uint8 [height, width, channels]."""
    try:
        array = np.asarray(image.convert(mode), np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidArgumentError(f"the {image.format} image is damaged: {error}") from None
    return array if array.ndim == 3 else array[..., None]


def _natural_channels(image: Any) -> int:
    mode = image.mode
    if mode == "P":
        return 4 if "transparency" in image.info else 3
    return {"1": 1, "L": 1, "I": 1, "I;16": 1, "F": 1, "LA": 2, "RGBA": 4, "PA": 4}.get(mode, 3)


def _checked_channels(channels: int, allowed: tuple[int, ...]) -> int:
    if channels not in allowed:
        raise InvalidArgumentError(f"channels is one of {', '.join(map(str, allowed))}; got {channels}")
    return channels


def _decode_jpeg(data: bytes, channels: int, how: _How) -> Any:
    ratio = how.ratio
    if ratio not in (1, 2, 4, 8):
        raise InvalidArgumentError(f"ratio is 1, 2, 4 or 8; got {ratio}")
    if how.dct_method not in ("", "INTEGER_FAST", _ACCURATE):
        raise InvalidArgumentError(f"dct_method is INTEGER_FAST, {_ACCURATE} or empty; got {how.dct_method!r}")
    _checked_channels(channels, (0, 1, 3))
    pixels = _decode_quickly(data, channels, how) if ratio == 1 else None
    if pixels is not None:
        return pixels
    image = _open(data, ("JPEG",))
    wanted = channels or (1 if image.mode == "L" else 3)
    if ratio > 1:
        image.draft(None, (-(-image.width // ratio), -(-image.height // ratio)))
    if wanted == 1 and image.mode != "L":
        image.draft("L", image.size)
    return _pixels(image, _MODES[wanted])


def _decode_png(data: bytes, channels: int, wide: bool) -> Any:
    image = _open(data, ("PNG",))
    wanted = _checked_channels(channels, (0, 1, 2, 3, 4)) or _natural_channels(image)
    if image.mode in ("I;16", "I"):
        return _from_wide(np.asarray(image, np.uint32).astype(np.uint16), wanted, wide)
    pixels = _pixels(image, _MODES[wanted])
    return pixels.astype(np.uint16) * np.uint16(257) if wide else pixels


def _from_wide(pixels: Any, channels: int, wide: bool) -> Any:
    """A grey image of 16 bits with the channels wanted."""
    grey = pixels if wide else (pixels >> 8).astype(np.uint8)
    opaque = np.full_like(grey, np.iinfo(grey.dtype).max)
    return np.stack([grey] * (1 if channels < 3 else 3) + ([opaque] if channels in (2, 4) else []), -1)


def _decode_bmp(data: bytes, channels: int) -> Any:
    image = _open(data, ("BMP",))
    natural = _natural_channels(image)
    wanted = _checked_channels(channels, (0, 1, 3, 4)) or natural
    if wanted != natural:
        raise InvalidArgumentError(f"channels {wanted} does not fit a BMP image of {natural} channels")
    return _pixels(image, _MODES[wanted])


def _decode_gif(data: bytes) -> Any:
    """Every frame, as seen: [frames, height, width, 3]."""
    image = _open(data, ("GIF",))
    frames = []
    for number in range(image.n_frames):
        image.seek(number)
        frames.append(_pixels(image, "RGB"))
    return np.stack(frames)


def _decoded(contents: Any, *_: Any, channels: int = 0, **__: Any) -> tuple[int | None, ...]:
    """The shape rule of one image."""
    return None, None, channels or None


def _frames(contents: Any, *, channels: int = 3, **_: Any) -> tuple[int | None, ...]:
    """The shape rule of several images of one size."""
    return None, None, None, channels or None


def _one_or_frames(contents: Any, *, channels: int = 0, expand_animations: bool = True, **_: Any) -> tuple[int | None, ...] | None:
    """The shape rule of images that may have frames: then nothing is known."""
    return None if expand_animations else (None, None, channels or None)


@op("DecodeJpeg", "contents: string -> image: uint8", host_only=True, differentiable=False, shape=_decoded)
def decode_jpeg(
    contents: Any,
    *,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1.0,
    dct_method: str = "",
) -> Any:
    """The pixels [height, width, channels] of a JPEG image; `ratio` makes it smaller while it is decoded."""
    return _decode_jpeg(_bytes_of(contents), channels, _How(ratio, fancy_upscaling, dct_method))


@op(
    "DecodeAndCropJpeg",
    "contents: string, crop_window: int32 -> image: uint8",
    host_only=True,
    differentiable=False,
    shape=_decoded,
)
def decode_and_crop_jpeg(
    contents: Any,
    crop_window: Any,
    *,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1.0,
    dct_method: str = "",
) -> Any:
    """A window (y, x, height, width) of a JPEG image."""
    pixels = _decode_jpeg(_bytes_of(contents), channels, _How(ratio, fancy_upscaling, dct_method))
    y, x, height, width = (int(v) for v in crop_window)
    if min(y, x) < 0 or min(height, width) <= 0 or y + height > pixels.shape[0] or x + width > pixels.shape[1]:
        raise InvalidArgumentError(
            f"the crop window {[y, x, height, width]} (y, x, height, width) is not within the image of shape {list(pixels.shape)}"
        )
    return pixels[y : y + height, x : x + width]


@op(
    "ExtractJpegShape",
    "contents: string -> image_shape: output_type",
    output_type=INDEX,
    host_only=True,
    differentiable=False,
    shape=lambda contents, **_: (3,),
)
def extract_jpeg_shape(contents: Any, *, output_type: DType = int32) -> Any:
    """Height, width and channels of a JPEG image; its pixels are not decoded."""
    image = _open(_bytes_of(contents), ("JPEG",))
    return np.array([image.height, image.width, 1 if image.mode == "L" else 3], output_type.np_dtype)


@op("DecodePng", "contents: string -> image: dtype", dtype=(uint8, uint16), host_only=True, differentiable=False, shape=_decoded)
def decode_png(contents: Any, *, channels: int = 0, dtype: DType = uint8) -> Any:
    """The pixels [height, width, channels] of a PNG image."""
    return _decode_png(_bytes_of(contents), channels, dtype is uint16)


@op("DecodeBmp", "contents: string -> image: uint8", host_only=True, differentiable=False, shape=_decoded)
def decode_bmp(contents: Any, *, channels: int = 0) -> Any:
    """The pixels [height, width, channels] of a BMP image."""
    return _decode_bmp(_bytes_of(contents), channels)


@op("DecodeGif", "contents: string -> image: uint8", host_only=True, differentiable=False, shape=_frames)
def decode_gif(contents: Any) -> Any:
    """The frames [frames, height, width, 3] of a GIF image."""
    return _decode_gif(_bytes_of(contents))


@op("DecodeWebP", "contents: string -> image: dtype", dtype=(uint8,), host_only=True, differentiable=False, shape=_frames)
def decode_webp(contents: Any, *, channels: int = 0, dtype: DType = uint8) -> Any:
    """The frames [frames, height, width, channels] of a WebP image."""
    image = _open(_bytes_of(contents), ("WEBP",))
    wanted = _checked_channels(channels, (0, 3, 4)) or _natural_channels(image)
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append(_pixels(image, _MODES[wanted]))
    return np.stack(frames)


@op(
    "DecodeImage",
    "contents: string -> image: dtype",
    dtype=(uint8, uint16, float32),
    host_only=True,
    differentiable=False,
    shape=_one_or_frames,
)
def decode_image_op(contents: Any, *, channels: int = 0, dtype: DType = uint8, expand_animations: bool = True) -> Any:
    """The pixels of a JPEG, PNG, GIF or BMP image; a GIF has a dimension of frames in front unless told otherwise."""
    data = _bytes_of(contents)
    if data.startswith(_JPEG_START):
        pixels = _decode_jpeg(data, channels, _How())
    elif data.startswith(b"\x89PNG"):
        pixels = _decode_png(data, channels, dtype is not uint8)
    elif data.startswith(b"GIF8"):
        _checked_channels(channels, (0, 3))
        pixels = _decode_gif(data)
        pixels = pixels if expand_animations else pixels[0]
    elif data.startswith(b"BM"):
        pixels = _decode_bmp(data, channels)
    else:
        raise InvalidArgumentError(f"the {len(data)} bytes given begin like no image; expected JPEG, PNG, GIF or BMP")
    if dtype is float32:
        return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    if dtype is uint16 and pixels.dtype == np.uint8:
        return pixels.astype(np.uint16) * np.uint16(257)
    return pixels


def is_jpeg(contents: Any, name: str | None = None) -> Any:
    """Whether a string begins as JPEG images do."""
    return get("Equal")(get("Substr")(contents, 0, 3), _JPEG_START, name=name)


def _text(*_: Any, **__: Any) -> tuple[()]:
    """The shape rule of what gives one string."""
    return ()


def _check_encoded(image: Any, channels: tuple[int, ...]) -> None:
    if image.ndim != 3 or image.shape[2] not in channels or not image.size:
        raise InvalidArgumentError(
            f"an image to encode has the shape [height, width, {' or '.join(map(str, channels))}]; got {list(image.shape)}"
        )


def _encoded(image: Any, kind: str, **options: Any) -> Any:
    library = pillow()
    stream = io.BytesIO()
    library.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(stream, kind, **options)
    out = np.empty((), object)
    out[()] = stream.getvalue()
    return out


def _encode_jpeg(image: Any, quality: int, **options: Any) -> Any:
    _check_encoded(image, (1, 3))
    if not 0 <= quality <= 100:
        raise InvalidArgumentError(f"quality is 0 to 100; got {quality}")
    return _encoded(image, "JPEG", quality=max(quality, 1), **options)


@op("EncodeJpeg", "image: uint8 -> contents: string", host_only=True, differentiable=False, shape=_text)
def encode_jpeg(
    image: Any,
    *,
    format: str = "",
    quality: int = 95,
    progressive: bool = False,
    optimize_size: bool = False,
    chroma_downsampling: bool = True,
    density_unit: str = "in",
    x_density: int = 300,
    y_density: int = 300,
    xmp_metadata: str = "",
) -> Any:
    """An image [height, width, 1 or 3] as JPEG."""
    wanted = {"": image.shape[-1] if image.ndim else 0, "grayscale": 1, "rgb": 3}.get(format)
    if wanted is None or wanted != image.shape[-1]:
        raise InvalidArgumentError(f"format is grayscale (1 channel), rgb (3) or empty; got {format!r} for {list(image.shape)}")
    density = (x_density, y_density) if density_unit == "in" else (round(x_density * 2.54), round(y_density * 2.54))
    options: dict[str, Any] = {"xmp": xmp_metadata.encode()} if xmp_metadata else {}
    return _encode_jpeg(
        image,
        quality,
        progressive=progressive,
        optimize=optimize_size,
        subsampling="4:2:0" if chroma_downsampling else "4:4:4",
        dpi=density,
        **options,
    )


@op(
    "EncodeJpegVariableQuality",
    "images: uint8, quality: int32 -> contents: string",
    host_only=True,
    differentiable=False,
    shape=_text,
)
def encode_jpeg_variable_quality(images: Any, quality: Any) -> Any:
    """An image [height, width, 1 or 3] as JPEG of a quality that is a tensor."""
    return _encode_jpeg(images, int(quality))


@op(
    "EncodePng",
    "image: T -> contents: string",
    T=(uint8, uint16),
    host_only=True,
    differentiable=False,
    shape=lambda image, **_: image[:-3],
)
def encode_png(image: Any, *, compression: int = -1) -> Any:
    """An image [height, width, 1 to 4] as PNG, or each of several [..., height, width, 1 to 4]; of 16 bits with one channel."""
    if not -1 <= compression <= 9:
        raise InvalidArgumentError(f"compression is 0 to 9, or -1 for the usual one; got {compression}")
    if image.ndim < 4:
        return _encode_png(image, compression)
    files = np.empty(image.shape[:-3], object)
    for place in np.ndindex(files.shape):
        files[place] = _encode_png(image[place], compression).item()
    return files


def _encode_png(image: Any, compression: int) -> Any:
    _check_encoded(image, (1, 2, 3, 4))
    if image.dtype == np.uint16 and image.shape[2] != 1:
        raise UnimplementedError(
            f"16-bit PNG images of {image.shape[2]} channels are not encoded; cast to uint8 or encode each channel"
        )
    return _encoded(image, "PNG", **({} if compression < 0 else {"compress_level": compression}))
