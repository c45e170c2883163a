"""`headrace run-signature`: one signature of a SavedModel, on .npy files, JSON or images."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from headrace.core.errors import HeadraceError
from headrace.core.spec import TensorSpec
from headrace.dispatch.convert import convert_to_tensor
from headrace.dispatch.opdef import get
from headrace.saved_model import load
from headrace.saved_model.restored import UnavailableFunction

_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp")


@click.command(name="run-signature")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--signature", default="serving_default", show_default=True)
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="VALUE: FILE.npy, FILE.json, an image, or JSON.")
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), help="Writes NAME.npy for each result into this folder."
)
def run_signature(model: Path, signature: str, inputs: tuple[str, ...], output: Path | None) -> None:
    """Run one signature of the SavedModel in the folder MODEL and print its results as JSON.

    An image becomes [height, width, channels], scaled to [0, 1] where the signature takes floating-point numbers; a batch of one is
    made of it where the signature has one more dimension.
    """
    try:
        signatures = load(model).signatures
        if signature not in signatures:
            raise click.UsageError(f"{model} has no signature {signature!r}; it has {', '.join(sorted(signatures)) or 'none'}")
        function = signatures[signature]
        if isinstance(function, UnavailableFunction):
            raise click.ClickException(str(function.reason))
        specs = function.structured_input_signature[1]
        results = function(**_given(inputs, specs))
    except HeadraceError as error:
        raise click.ClickException(str(error)) from error
    arrays = {name: np.asarray(part) for name, value in results.items() for name, part in _parts(name, value)}
    if output is None:
        click.echo(json.dumps({name: _plain(array) for name, array in arrays.items()}, indent=1))
        return
    output.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        path = output / f"{name.replace('/', '_')}.npy"
        np.save(path, array.astype("S") if array.dtype.kind == "O" else array, allow_pickle=False)
        click.echo(f"wrote {path}: {array.dtype} {list(array.shape)}")


def _given(inputs: Sequence[str], specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in inputs:
        name, equals, value = text.partition("=")
        if not equals or name not in specs:
            raise click.UsageError(f"--input {text!r} must be NAME=VALUE with a NAME of {', '.join(sorted(specs)) or 'no inputs'}")
        found[name] = _value(value, specs[name], name)
    missing = sorted(specs.keys() - found.keys())
    if missing:
        raise click.UsageError(f"the signature takes {', '.join(missing)} too; give --input {missing[0]}=VALUE")
    return found


def _value(text: str, spec: TensorSpec, name: str) -> Any:
    path = Path(text)
    kind = path.suffix.lower()
    try:
        if kind in _IMAGES:
            return _image(path, spec)
        if kind == ".npy":
            return np.load(path, allow_pickle=False)
        content = json.loads(path.read_text("utf-8") if kind == ".json" else text)
    except FileNotFoundError:
        raise click.UsageError(f"the input {name!r} names {text!r}, which does not exist") from None
    except ValueError as error:
        raise click.UsageError(f"the input {name!r} cannot be read from {text[:80]!r}: {error}") from None
    return convert_to_tensor(content, spec.dtype)


def _image(path: Path, spec: TensorSpec) -> Any:
    content = path.read_bytes()
    if spec.dtype.name == "string":
        return convert_to_tensor([content] if spec.shape.rank == 1 else content)
    channels = spec.shape[-1] if spec.shape.rank else None
    image = get("DecodeImage")(content, channels=channels if channels in (1, 3, 4) else 0, expand_animations=False)
    array = np.asarray(image)
    array = array.astype(np.float32) / 255 if spec.dtype.is_floating else array
    return array[None].astype(spec.dtype.np_dtype) if spec.shape.rank == 4 else array.astype(spec.dtype.np_dtype)


def _parts(name: str, value: Any) -> list[tuple[str, Any]]:
    """A result by name; a sparse or ragged one by the names of its tensors."""
    if hasattr(value, "type_spec"):
        spec = value.type_spec
        labels = [part.name for part in spec.component_specs]
        return [(f"{name}.{label}", part) for label, part in zip(labels, spec.components(value), strict=True)]
    return [(name, value)]


def _plain(array: Any) -> Any:
    """The elements as JSON has them; bytes that are no text are escaped."""
    if array.dtype.kind == "O":
        texts = [item.decode(errors="backslashreplace") for item in array.ravel().tolist()]
        return np.array(texts, object).reshape(array.shape).tolist()
    return array.astype(np.float64).tolist() if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array.tolist()
