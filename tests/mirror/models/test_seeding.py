"""Caches of other libraries are filled whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.mirror.seed import seed
from headrace.core.errors import DataLossError, InvalidArgumentError
from headrace.mirror.models.kaggle import seeding as kaggle
from headrace.mirror.models.tfhub import seeding as tfhub
from tests.mirror.models.archives import FILES, HOSTILE, archive

HANDLE = "https://hub.example/acme/small/2"
KAGGLE = "acme/small/tensorFlow2/base/3"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def source(tmp_path: Path, kind: str) -> Path:
    if kind == "archive":
        path = tmp_path / "model.tar.gz"
        path.write_bytes(archive(FILES))
        return path
    for name, data in FILES.items():
        place = tmp_path / "model" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return tmp_path / "model"


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_both_caches(tmp_path: Path, kind: str) -> None:
    cache, model, run = tmp_path / "cache", source(tmp_path, kind), CliRunner().invoke
    done = run(seed, ["tfhub", HANDLE, f"--from={model}", f"--cache={cache}"])
    folder = cache / hashlib.sha1(HANDLE.encode()).hexdigest()
    assert done.output == f"{HANDLE} is in {folder}\n"
    assert content(folder) == FILES
    assert f"Module: {HANDLE}\n" in folder.with_name(f"{folder.name}.descriptor.txt").read_text()
    assert {path.name for path in cache.iterdir()} == {folder.name, f"{folder.name}.descriptor.txt"}, "no lock is left"
    assert "is there already" in run(seed, ["tfhub", HANDLE, f"--from={model}", f"--cache={cache}"]).output
    (folder / "saved_model.pb").write_bytes(b"damaged")
    assert run(seed, ["tfhub", HANDLE, f"--from={model}", f"--cache={cache}", "--replace"]).exit_code == 0
    assert content(folder) == FILES
    done = run(seed, ["kaggle", KAGGLE, str(model), f"--cache={cache}"])
    folder = cache / "models" / KAGGLE
    assert (done.output, content(folder)) == (f"{KAGGLE} is in {folder}\n", FILES)
    assert {path.name for path in folder.parent.iterdir()} == {"3", "3.complete"}


@pytest.mark.parametrize("wrong", ["traversal", "symlink", "bomb", "truncated"])
def test_nothing_is_left_of_what_is_wrong(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(HOSTILE[wrong])
    cache = tmp_path / "cache"
    with pytest.raises(DataLossError):
        tfhub.seed(HANDLE, path, cache)
    assert list(cache.iterdir()) == []
    with pytest.raises(DataLossError):
        kaggle.seed(kaggle.kaggle_handle(KAGGLE), path, cache)
    assert [each for each in cache.rglob("*") if not each.is_dir()] == []
    assert not (cache / "models" / KAGGLE).exists()


def test_a_model_that_is_there_stays_when_a_new_one_is_wrong(tmp_path: Path) -> None:
    cache, bad = tmp_path / "cache", tmp_path / "bad.tar.gz"
    bad.write_bytes(HOSTILE["device"])
    folder = tfhub.seed(HANDLE, source(tmp_path, "archive"), cache)
    with pytest.raises(DataLossError):
        tfhub.seed(HANDLE, bad, cache)
    assert content(folder) == FILES


def test_links_in_folders_are_refused(tmp_path: Path) -> None:
    model = source(tmp_path, "folder")
    (model / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidArgumentError, match="neither a plain file nor a folder"):
        kaggle.seed(kaggle.kaggle_handle(KAGGLE), model, tmp_path / "cache")


def test_mistakes_are_named(tmp_path: Path) -> None:
    run, cache = CliRunner().invoke, f"--cache={tmp_path / 'cache'}"
    model = str(source(tmp_path, "archive"))
    assert "is no handle; expected" in run(seed, ["tfhub", "acme/small/2", cache]).output
    assert "give one handle" in run(seed, ["tfhub", HANDLE, HANDLE, f"--from={model}", cache]).output
    assert "is not there; expected an archive" in run(seed, ["kaggle", KAGGLE, "/nowhere", cache]).output
    for wrong in ("acme/small/tensorFlow2/base", "a/b/c/../1", "a/b/c/d/0", "a/b/c/d/v1"):
        assert "is no handle of Kaggle" in run(seed, ["kaggle", wrong, model, cache]).output
    assert "cannot be asked" in run(seed, ["tfhub", HANDLE, cache, "--mirror=http://127.0.0.1:1"]).output
    (tmp_path / "cache").mkdir(exist_ok=True)
    lock = Path(f"{tfhub.folder_of(HANDLE, tmp_path / 'cache')}.lock")
    lock.write_text("host.1.uid")
    assert "somebody fetches" in run(seed, ["tfhub", HANDLE, f"--from={model}", cache]).output
    assert lock.read_text() == "host.1.uid"
