"""What an import makes of bundles, one after the other."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from headrace.core import durable
from headrace.core.errors import DataLossError, FailedPreconditionError, NotFoundError, PermissionDeniedError
from headrace.mirror.bundles.importing import Rules, import_bundle
from headrace.mirror.bundles.keys import read_trust
from headrace.mirror.bundles.making import Holdings
from headrace.mirror.bundles.published import OWNER, PublishedFiles, PublishedPages
from headrace.mirror.policy.places import AUDIT
from headrace.store.blobs import BlobStore
from headrace.store.index import evict, open_index
from tests.mirror.bundles.stock import DAY, NOW, Signer, bundle, signer, stock, take


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("keys"), "acme")


def files_of(root: Path, project: str) -> list[str]:
    """The files that are published of a project."""
    found = PublishedPages(PublishedFiles(root)).find(project)
    assert found is None or found[1].document is not None
    return sorted(file["filename"] for file in found[1].document["files"]) if found is not None else []  # type: ignore[index]


def everything(folder: Path) -> dict[str, bytes]:
    """All files under a folder, but for the index, which is no more than a table of the others."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("index.sqlite") and path.name not in ("lock", "audit.jsonl")
    }


def history(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / AUDIT / "audit.jsonl").read_text().splitlines()]


def test_a_bundle_carries_what_is_there_and_no_more(tmp_path: Path, acme: Signer) -> None:
    stock(tmp_path / "here", "demo", "1.0", "1.1", requires=("part",))
    stock(tmp_path / "here", "part", "2.0")
    data = bundle(tmp_path / "here", tmp_path / "b.tar", acme)
    checked = take(data, tmp_path / "there", acme, check=True)
    assert not (tmp_path / "there").exists(), "a check changes nothing"
    done = take(data, tmp_path / "there", acme)
    assert (done.before, done.new_files, checked.new_files) == (None, 6, 6)
    found = PublishedPages(PublishedFiles(tmp_path / "there")).find("demo")
    assert found is not None
    source, page = found
    assert page.document is not None
    assert (source.name, page.serial, page.checked) == ("main", 7, float(NOW))
    assert page.document["versions"] == ["1.0", "1.1"], "9.9 is not in the bundle"
    assert {file["_kept"] for file in page.document["files"]} == {"a key that nobody knows"}
    document = source.provenance("http://index.invalid/integrity/demo/provenance")
    assert document is not None
    assert document.body == '{"version":1}'
    store = BlobStore(tmp_path / "there")
    assert list(store.damaged()) == []
    assert sorted(digest for digest, _ in store.walk()) == sorted(digest for digest, _ in BlobStore(tmp_path / "here").walk())
    components = json.loads((tmp_path / "there/bundles/sbom/acme-1.cdx.json").read_bytes())["components"]
    assert [each["purl"] for each in components] == ["pkg:pypi/demo@1.0", "pkg:pypi/demo@1.1", "pkg:pypi/part@2.0"]
    assert not (tmp_path / "there/bundles/staging").exists()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, acme: Signer) -> None:
    for root in ("a", "b"):
        for project in ("demo", "part") if root == "a" else ("part", "demo"):
            stock(tmp_path / root, project, "1.0")
    assert bundle(tmp_path / "a", tmp_path / "a.tar", acme) == bundle(tmp_path / "b", tmp_path / "b.tar", acme)
    assert bundle(tmp_path / "a", tmp_path / "c.tar", acme, 2) != (tmp_path / "a.tar").read_bytes()


def test_twice_is_harmless(tmp_path: Path, acme: Signer) -> None:
    stock(tmp_path / "here", "demo", "1.0")
    data = bundle(tmp_path / "here", tmp_path / "b.tar", acme)
    take(data, tmp_path / "there", acme)
    before = everything(tmp_path / "there")
    again = take(data, tmp_path / "there", acme)
    assert (again.new_files, again.before) == (0, 1)
    assert everything(tmp_path / "there") == before


def test_a_newer_bundle_replaces_pages_and_leaves_other_projects(tmp_path: Path, acme: Signer) -> None:
    there = tmp_path / "there"
    stock(tmp_path / "one", "demo", "1.0", "1.1")
    stock(tmp_path / "one", "other", "1.0")
    take(bundle(tmp_path / "one", tmp_path / "1.tar", acme, 1), there, acme)
    stock(tmp_path / "two", "demo", "1.1", "1.2")
    take(bundle(tmp_path / "two", tmp_path / "2.tar", acme, 2), there, acme)
    assert files_of(there, "demo") == ["demo-1.1-py3-none-any.whl", "demo-1.2-py3-none-any.whl"]
    assert files_of(there, "other") == ["other-1.0-py3-none-any.whl"]
    assert len(list((there / "bundles/pages").iterdir())) == 2, "the page that was replaced is gone"
    index = open_index(there)
    try:
        before = len(list(BlobStore(there).walk()))
        evict(BlobStore(there), index, 0, 0)
        left = {digest for digest, _ in BlobStore(there).walk()}
        assert left == set(PublishedFiles(there).contents()), "what is published stays, what was replaced makes room"
        assert len(left) == before - 2
        index.unpin(OWNER)
    finally:
        index.close()


def test_what_two_bundles_bring_of_a_project_is_listed_together(tmp_path: Path, acme: Signer) -> None:
    there = tmp_path / "there"
    for name, version in (("base", "1.0"), ("team", "2.0")):
        stock(tmp_path / name, "demo", version)
        take(bundle(tmp_path / name, tmp_path / f"{name}.tar", acme, name=name), there, acme)
    assert files_of(there, "demo") == ["demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"]
    on = bundle(there, tmp_path / "on.tar", acme, name="on")  # a mirror without network can hand on what it has
    take(on, tmp_path / "further", acme)
    assert files_of(tmp_path / "further", "demo") == files_of(there, "demo")


def test_a_version_does_not_go_back_unless_told_to(tmp_path: Path, acme: Signer) -> None:
    there = tmp_path / "there"
    stock(tmp_path / "one", "demo", "1.0")
    stock(tmp_path / "two", "demo", "1.1")
    one, two = (bundle(tmp_path / name, tmp_path / f"{name}.tar", acme, version) for version, name in ((1, "one"), (2, "two")))
    take(two, there, acme)
    before = everything(there)
    for check in (True, False):
        with pytest.raises(FailedPreconditionError, match="acme 1 is older than version 2, which was imported"):
            take(one, there, acme, check=check)
    assert everything(there) == before
    with pytest.raises(FailedPreconditionError, match="acme 2 was imported with another content"):
        take(bundle(tmp_path / "one", tmp_path / "2b.tar", acme, 2), there, acme)
    assert take(one, there, acme, allow_rollback=True).before == 2
    assert files_of(there, "demo") == ["demo-1.0-py3-none-any.whl"]
    assert [event["outcome"] for event in history(there)] == ["imported", "refused", "refused", "rollback", "imported"]
    assert (history(there)[3]["before"], history(there)[3]["version"]) == (2, 1)


def test_a_name_of_a_file_stands_for_one_content(tmp_path: Path, acme: Signer) -> None:
    stock(tmp_path / "one", "demo", "1.0")
    take(bundle(tmp_path / "one", tmp_path / "1.tar", acme, 1), tmp_path / "there", acme)
    stock(tmp_path / "two", "demo", "1.0", size=10)
    with pytest.raises(FailedPreconditionError, match=r"another content for demo-1\.0-py3-none-any\.whl"):
        take(bundle(tmp_path / "two", tmp_path / "2.tar", acme, 2), tmp_path / "there", acme)


def test_who_may_sign_what_and_when(tmp_path: Path, acme: Signer) -> None:
    stock(tmp_path / "here", "demo", "1.0")
    data = bundle(tmp_path / "here", tmp_path / "b.tar", acme)
    there = tmp_path / "there"
    with pytest.raises(FailedPreconditionError, match=r"acme 1 expired at 2027-02-14T08:00:00Z; here it is 2027-02-14T08:00:00Z"):
        take(data, there, acme, now=NOW + 30 * DAY)
    other = signer(tmp_path, "other")
    with pytest.raises(PermissionDeniedError, match=r"is signed by [0-9a-f]{16}, and trusted are [0-9a-f]{16} \(other\)"):
        take(data, there, other)
    both = tmp_path / "both.toml"
    both.write_text(f"{other.trust.read_text()}\n{acme.trust.read_text()}")
    assert take(data, there, Signer(acme.key, both)).key.name == "acme"
    narrow = tmp_path / "narrow.toml"
    narrow.write_text(f'{acme.trust.read_text()}bundles = ["tools-*"]\n')
    with pytest.raises(PermissionDeniedError, match="the bundle 'acme' is signed by acme; it is trusted for other names only"):
        take(data, there, Signer(acme.key, narrow))


def test_a_crash_before_the_last_step_leaves_what_was(tmp_path: Path, acme: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    stock(tmp_path / "one", "demo", "1.0")
    stock(tmp_path / "two", "demo", "1.1")
    take(bundle(tmp_path / "one", tmp_path / "1.tar", acme, 1), there, acme)
    two = bundle(tmp_path / "two", tmp_path / "2.tar", acme, 2)

    def crash(target: Path, data: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(durable, "write", crash)
        with pytest.raises(KeyboardInterrupt):
            take(two, there, acme)
    assert files_of(there, "demo") == ["demo-1.0-py3-none-any.whl"]
    assert take(two, there, acme).before == 1
    assert files_of(there, "demo") == ["demo-1.1-py3-none-any.whl"]


def test_only_pins_that_are_here_are_bundled(tmp_path: Path, acme: Signer) -> None:
    stock(tmp_path / "here", "demo", "1.0", "1.1")
    take(bundle(tmp_path / "here", tmp_path / "b.tar", acme, pins=("demo==1.1",)), tmp_path / "there", acme)
    assert files_of(tmp_path / "there", "demo") == ["demo-1.1-py3-none-any.whl"]
    refused = {"demo==9.9": "no files of demo 9.9 are here", "demo>=1": "pins no version", "x==1": "no files of x 1"}
    for pin, message in refused.items():
        with pytest.raises((FailedPreconditionError, ValueError), match=message):
            bundle(tmp_path / "here", tmp_path / "c.tar", acme, pins=(pin,))
    assert not (tmp_path / "c.tar").exists()
    with pytest.raises(NotFoundError, match="holds no mirror"):
        Holdings(tmp_path / "nowhere")


def test_a_page_that_is_damaged_on_the_disk_is_not_given_out_and_comes_again(tmp_path: Path, acme: Signer) -> None:
    there = tmp_path / "there"
    stock(tmp_path / "here", "demo", "1.0")
    stock(tmp_path / "here", "other", "1.0")
    data = bundle(tmp_path / "here", tmp_path / "b.tar", acme)
    take(data, there, acme)
    for change in (lambda path: path.write_bytes(path.read_bytes().replace(b"1.0", b"6.6")), Path.unlink):
        (page,) = [path for path in (there / "bundles/pages").iterdir() if b'"project":"demo"' in path.read_bytes()]
        change(page)
        with pytest.raises(DataLossError, match="page of demo.* import its bundle again"):
            files_of(there, "demo")
        assert files_of(there, "other") == ["other-1.0-py3-none-any.whl"]
        take(data, there, acme)
        assert files_of(there, "demo") == ["demo-1.0-py3-none-any.whl"]


def test_files_that_are_here_do_not_make_room_while_a_bundle_counts_on_them(tmp_path: Path, acme: Signer) -> None:
    there = tmp_path / "there"
    stock(tmp_path / "here", "demo", "1.0", size=5000)
    stock(there, "demo", "1.0", size=5000)  # it was used here before, and nobody keeps it
    data = bundle(tmp_path / "here", tmp_path / "b.tar", acme)

    class Evicting(io.BytesIO):
        """A bundle that comes slowly, while the mirror's store is full."""

        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 5000:
                index = open_index(there)
                try:
                    index.rebuild()
                    evict(BlobStore(there), index, 0, 0)
                finally:
                    index.close()
            return super().read(size)

    done = import_bundle(Evicting(data), there, Rules(read_trust(acme.trust)), lambda: NOW + 5.0)
    assert done.new_files == 0
    assert set(PublishedFiles(there).contents()) == {digest for digest, _ in BlobStore(there).walk()}


def test_a_state_that_is_damaged_is_not_taken_for_none(tmp_path: Path, acme: Signer) -> None:
    stock(tmp_path / "here", "demo", "1.0")
    data = bundle(tmp_path / "here", tmp_path / "b.tar", acme)
    take(data, tmp_path / "there", acme)
    for text in ("", "{}", '{"format": 2, "bundles": {}}', '{"format": 1, "bundles": {"acme": {"pages": []}}}'):
        (tmp_path / "there/bundles/published.json").write_text(text)
        with pytest.raises(DataLossError, match=r"published\.json"):
            take(data, tmp_path / "there", acme)
