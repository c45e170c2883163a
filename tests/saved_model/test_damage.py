"""Damaged models: every flipped or missing byte gives a named error or does not matter."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import headrace as tf
from headrace import saved_model
from headrace.core.errors import DataLossError, HeadraceError, NotFoundError

X = np.array([[0.5, -1.0]], np.float32)


class Small(tf.Module):
    """As small as a model with a variable, a constant and a signature can be."""

    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable(np.array([[1.0], [2.0]], np.float32), name="w")
        self.offset = tf.constant(np.full((80,), 0.25, np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, 2], "float32", name="x")])
    def predict(self, x: tf.Tensor) -> tf.Tensor:
        return tf.matmul(x, self.w) + self.offset[:1]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[float]]]:
    """The folder of a good model and what it computes."""
    folder = tmp_path_factory.mktemp("damage") / "model"
    small = Small()
    saved_model.save(small, folder, signatures=small.predict)
    return folder, np.asarray(small.predict(X)).tolist()


def compute(folder: Path) -> list[list[float]]:
    return np.asarray(saved_model.load(folder).signatures["serving_default"](x=X)["output_0"]).tolist()  # type: ignore[no-any-return]


def damaged(content: bytes, step: int) -> Iterator[bytes]:
    """Copies with one bit flipped, every `step`-th byte, and some cut short."""
    for at in range(0, len(content), step):
        copy = bytearray(content)
        copy[at] ^= 1 << (at * 7 % 8)
        yield bytes(copy)
    for size in range(0, len(content), max(1, step * 4)):
        yield content[:size]


def test_the_good_model_loads(model) -> None:
    assert compute(model[0]) == model[1]


@pytest.mark.parametrize(
    "name",
    ["saved_model.pb", "fingerprint.pb", "headrace.digest", "variables/variables.index", "variables/variables.data-00000-of-00001"],
)
def test_every_damaged_byte_is_found_or_harmless(model, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(model[0], tmp_path / "model")
    content = (folder / name).read_bytes()
    found = 0
    for bad in damaged(content, step=max(1, len(content) // 3000)):
        (folder / name).write_bytes(bad)
        try:
            result = compute(folder)
        except HeadraceError:
            found += 1
        else:
            assert result == model[1]
    assert found > len(content) // 4000


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_damage_without_a_digest_is_never_a_foreign_exception(model, tmp_path: Path, name: str) -> None:
    """Models of other programs carry no digest, so a wrong value may go unseen, but what is seen has a name."""
    folder = shutil.copytree(model[0], tmp_path / "model")
    for file in ("headrace.digest", "fingerprint.pb"):
        (folder / file).unlink()
    content = (folder / name).read_bytes()
    for bad in damaged(content, step=max(1, len(content) // 250)):
        (folder / name).write_bytes(bad)
        try:
            loaded = saved_model.load(folder)
            for function in loaded.signatures.values():
                function(x=X)
        except (HeadraceError, TypeError) as error:
            assert isinstance(error, HeadraceError) or "argument" in str(error), "a renamed input is a TypeError of the call"


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_missing_files_are_named(model, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(model[0], tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises((NotFoundError, DataLossError), match=name.rsplit("/", 1)[-1].partition(".")[0]):
        saved_model.load(folder)


def test_a_file_of_the_digest_may_not_lie_outside(model, tmp_path: Path) -> None:
    folder = shutil.copytree(model[0], tmp_path / "model")
    (tmp_path / "elsewhere").write_text("x")
    text = (folder / "headrace.digest").read_text()
    (folder / "headrace.digest").write_text(text.replace('"fingerprint.pb"', '"../elsewhere"'))
    with pytest.raises(DataLossError, match="elsewhere"):
        saved_model.load(folder)


def test_a_changed_index_is_found_by_the_fingerprint_alone(model, tmp_path: Path) -> None:
    folder = shutil.copytree(model[0], tmp_path / "model")
    (folder / "headrace.digest").unlink()
    other = Small()
    other.w.assign(other.w * 2.0)
    saved_model.save(other, tmp_path / "other", signatures=other.predict)
    shutil.rmtree(folder / "variables")
    shutil.copytree(tmp_path / "other" / "variables", folder / "variables")
    with pytest.raises(DataLossError, match="fingerprint"):
        saved_model.load(folder)
