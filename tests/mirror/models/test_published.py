"""Models that were published: kept for good, one content a version."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from headrace.core.errors import AlreadyExistsError, DataLossError, FailedPreconditionError, InvalidArgumentError
from headrace.mirror.models.published import Published
from headrace.modelpack.files import ModelFile
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex, evict, open_index


class Setting:
    """A mirror's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = BlobStore(root)
        self.index: BlobIndex = open_index(root)

    def published(self) -> Published:
        return Published(self.root, self.store, self.index, clock=lambda: 1e9)

    def file(self, path: str, data: bytes) -> ModelFile:
        digest = hashlib.sha256(data).hexdigest()
        self.store.put(data, digest)
        self.index.add(digest, len(data))
        return ModelFile(path, digest, len(data))


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def test_publish_and_read(setting: Setting) -> None:
    files = [setting.file("variables/variables.index", b"index"), setting.file("saved_model.pb", b"graph")]
    published = setting.published()
    assert published.publish("acme/digits", "9", files)
    assert published.publish("acme/digits", "10", files[:1])
    assert not published.publish("acme/digits", "10", files[:1]), "the same again is no mistake"
    for reader in (published, setting.published()):
        assert reader.models() == ["acme/digits"]
        assert reader.versions("acme/digits") == ["9", "10"]
        model = reader.get("acme/digits", "9")
        assert model is not None
        assert (model.name, model.version, model.files, model.created) == ("acme/digits", "9", tuple(sorted(files)), 1e9)
        assert reader.get("acme/digits", "latest") == reader.get("acme/digits", "10")
        assert reader.get("acme/digits", "11") is reader.get("other", "latest") is None
        assert reader.versions("other") == []


def test_a_version_stands_for_one_content(setting: Setting) -> None:
    published = setting.published()
    published.publish("digits", "1", [setting.file("a", b"one")])
    for other in ([setting.file("a", b"two")], [setting.file("b", b"one")]):
        with pytest.raises(AlreadyExistsError, match="publish it as the next"):
            published.publish("digits", "1", other)
    with pytest.raises(InvalidArgumentError, match="always is the highest"):
        published.publish("digits", "latest", [setting.file("a", b"one")])


def test_what_is_not_here_is_not_published(setting: Setting) -> None:
    published = setting.published()
    there = setting.file("a", b"one")
    with pytest.raises(FailedPreconditionError, match="'b' of digits:1 is not here"):
        published.publish("digits", "1", [there, ModelFile("b", "0" * 64, 1)])
    with pytest.raises(FailedPreconditionError, match="has 3 bytes, not 4"):
        published.publish("digits", "1", [ModelFile("a", there.digest, 4)])
    assert published.models() == []
    assert setting.index.usage().pinned_bytes == 0


def test_files_of_models_never_make_room(setting: Setting) -> None:
    published = setting.published()
    file, other = setting.file("a", b"one"), setting.file("b", b"other")
    published.publish("digits", "1", [file])
    setting.index.close()
    for path in setting.root.glob("index.sqlite*"):
        path.unlink()
    setting.index = open_index(setting.root)
    setting.index.rebuild()
    setting.published()
    evict(setting.store, setting.index, 0, 0)
    assert file.digest in setting.store, "also when the index of the store was lost"
    assert other.digest not in setting.store


def test_a_damaged_record_says_so_and_the_others_are_given_out(setting: Setting) -> None:
    published = setting.published()
    published.publish("digits", "1", [setting.file("a", b"one")])
    published.publish("digits", "2", [setting.file("a", b"two")])
    (setting.root / "published/digits/1.json").write_text('{"name": "digits"}')
    published = setting.published()
    assert published.get("digits", "2") is not None
    with pytest.raises(DataLossError, match=r"1\.json is damaged"):
        published.get("digits", "1")
