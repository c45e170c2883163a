"""Bundles that are not what they should be: each is refused, what is wrong is named, and nothing of it is published."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.errors import DataLossError, FailedPreconditionError, OpError, PermissionDeniedError
from headrace.mirror.bundles import manifest as manifests
from headrace.mirror.bundles.archive import ArchiveReader, ArchiveWriter, header
from headrace.mirror.bundles.importing import Rules, import_bundle
from headrace.mirror.bundles.keys import read_private, read_trust, sign
from headrace.mirror.bundles.manifest import Manifest, Member, file_member
from headrace.mirror.bundles.published import PublishedFiles
from tests.mirror.bundles.stock import NOW, Signer, bundle, signer, stock, take


@dataclasses.dataclass(frozen=True)
class Made:
    """A bundle, and its members by name."""

    signer: Signer
    data: bytes
    members: dict[str, bytes]

    @property
    def manifest(self) -> Manifest:
        return manifests.parse(self.members["manifest.json"])

    def again(
        self, manifest: Manifest, changed: dict[str, bytes] | None = None, keep: Callable[[str], bool] = lambda _: True
    ) -> bytes:
        """Another bundle, signed by the trusted key, with what one who has that key could put in it."""
        body = manifest.to_bytes()
        members = self.members | (changed or {})
        file = io.BytesIO()
        archive = ArchiveWriter(file)
        archive.add("manifest.json", body)
        archive.add("manifest.sig", sign(body, [read_private(self.signer.key, None)]))
        for member in manifest.members:
            if keep(member.name):
                archive.add(member.name, members[member.name])
        archive.finish()
        return file.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    acme = signer(folder, "acme")
    stock(folder / "here", "demo", "1.0", "1.1", requires=("part",))
    stock(folder / "here", "part", "2.0")
    data = bundle(folder / "here", folder / "b.tar", acme)
    with tarfile.open(folder / "b.tar") as archive:  # tar itself can read it
        members = {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]
    return Made(acme, data, members)


def refused(made: Made, data: bytes, root: Path, kind: type[OpError] | tuple[type[OpError], ...] = DataLossError) -> str:
    """What is said of a bundle; nothing of it may count."""
    with pytest.raises(kind) as caught:
        take(data, root, made.signer)
    assert PublishedFiles(root).read() == {}
    assert not (root / "bundles/staging").exists()
    return str(caught.value)


def test_any_byte_that_changes_is_noticed(tmp_path: Path, made: Made) -> None:
    places = [*range(0, len(made.data), 97), len(made.data) - 1]
    for place in places:
        changed = made.data[:place] + bytes([made.data[place] ^ 1]) + made.data[place + 1 :]
        with pytest.raises((DataLossError, PermissionDeniedError)):
            take(changed, tmp_path, made.signer, check=True)
    assert list(tmp_path.iterdir()) == []


def test_what_these_tests_make_is_taken_when_nothing_is_changed(tmp_path: Path, made: Made) -> None:
    assert made.again(made.manifest) == made.data
    assert take(made.data, tmp_path, made.signer).new_files == 6


def test_any_end_that_is_missing_is_noticed(tmp_path: Path, made: Made) -> None:
    for size in [0, 1, 511, 512, 600, *range(1024, len(made.data), 1999), len(made.data) - 1]:
        with pytest.raises(DataLossError, match="the bundle ends"):
            take(made.data[:size], tmp_path, made.signer, check=True)
    assert "goes on after its last member" in refused(made, made.data + b"\0", tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path, made: Made) -> None:
    wheel = next(member for member in made.manifest.files if "demo-1.1-py3-none-any.whl" in member.filenames)
    place = made.data.index(made.members[wheel.name]) + 100
    changed = made.data[:place] + b"#" + made.data[place + 1 :]
    said = refused(made, changed, tmp_path)
    assert f"the bundle is damaged: demo-1.1-py3-none-any.whl (files/{wheel.sha256}) has sha256" in said


def test_members_that_are_additional_missing_or_exchanged_are_noticed(tmp_path: Path, made: Made) -> None:
    first, second, *_ = made.manifest.files
    for name in (first.name, "sbom.cdx.json", made.manifest.pages[0].name):
        said = refused(made, made.again(made.manifest, keep=lambda each, gone=name: each != gone), tmp_path)  # type: ignore[misc]
        assert "is not where it should be" in said
    swapped = dataclasses.replace(made.manifest, files=(second, first, *made.manifest.files[2:]))
    assert "is not sorted" in refused(made, made.again(swapped), tmp_path)
    extra = b"extra"
    member = file_member(hashlib.sha256(extra).hexdigest(), len(extra), ["extra.whl"])
    more = dataclasses.replace(made.manifest, files=tuple(sorted((*made.manifest.files, member), key=lambda each: each.name)))
    assert "its pages do not list it" in refused(made, made.again(more, {member.name: extra}), tmp_path)
    less = dataclasses.replace(made.manifest, files=made.manifest.files[1:])
    assert "the bundle does not have it" in refused(made, made.again(less), tmp_path)
    alias = dataclasses.replace(
        made.manifest, files=(dataclasses.replace(first, filenames=("other.whl",)), *made.manifest.files[1:])
    )
    assert "its pages do not list it so" in refused(made, made.again(alias), tmp_path)


def test_links_and_paths_that_lead_out_are_no_members(tmp_path: Path, made: Made) -> None:
    body = made.members["manifest.json"]
    for name, kind in (("../../etc/passwd", tarfile.REGTYPE), ("/etc/passwd", tarfile.REGTYPE), ("manifest.json", tarfile.SYMTYPE)):
        info = tarfile.TarInfo(name)
        info.size, info.type, info.linkname = len(body), kind, "/etc/passwd"
        data = info.tobuf(tarfile.GNU_FORMAT) + made.data[512:]
        assert "does not have manifest.json where it should be" in refused(made, data, tmp_path)
    page = made.manifest.pages[0]
    for name in ("pages/main/../../../x.json", "pages//x.json", "pages/main/X.json", "pages/main/a--b.json", "other/main/x.json"):
        renamed = dataclasses.replace(made.manifest, pages=(dataclasses.replace(page, name=name),))
        assert "expected pages/UPSTREAM/PROJECT.json" in refused(made, made.again(renamed, keep=lambda _: False), tmp_path)


def test_sizes_are_bounded(tmp_path: Path, made: Made) -> None:
    huge = header("manifest.json", 1 << 50) + b"x"
    assert "at most 67108864 are taken" in refused(made, huge, tmp_path)
    large = dataclasses.replace(made.manifest, pages=(Member("pages/main/demo.json", "0" * 64, 1 << 50),))
    assert "expected 0 to" in refused(made, made.again(large, keep=lambda _: False), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda page: page["document"]["files"][0]["hashes"].clear(), "has no sha256"),
        (lambda page: page["document"]["files"].append(page["document"]["files"][0]), "is listed twice"),
        (lambda page: page["document"]["files"].clear(), "it lists no files"),
        (lambda page: page["document"]["files"][0].update(filename="../x.whl"), "is no name of a file"),
        (lambda page: page["document"]["files"][0].update(size=5), "and its page says 5"),
        (lambda page: page["document"].update(name="other"), "says that it is that of 'other'"),
        (lambda page: page.update(project="other"), "is not that of this project"),
        (lambda page: page.update(more=1), "is not that of this project"),
        (lambda page: page.update(serial="7"), "its serial is '7'"),
        (lambda page: page.update(provenance={"http://x/": {"type": "a", "body": "b"}}), "does not have exactly those provenance"),
        (lambda page: page.update(document=[]), "is no JSON object"),
    ],
)
def test_pages_must_fit(tmp_path: Path, made: Made, change: Callable[[dict[str, object]], None], message: str) -> None:
    member = made.manifest.pages[0]
    page = json.loads(made.members[member.name])
    change(page)
    body = manifests.canonical(page)
    fitting = dataclasses.replace(member, size=len(body), sha256=hashlib.sha256(body).hexdigest())
    pages = (fitting, *made.manifest.pages[1:])
    assert message in refused(made, made.again(dataclasses.replace(made.manifest, pages=pages), {member.name: body}), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "headrace-bundle-2"}, "no bundle of the format headrace-bundle-1; a newer headrace may know it"),
        ({"more": 1}, "lacks keys or has others"),
        ({"name": "../x"}, "is no name of a bundle"),
        ({"version": 0}, "is no version of a bundle"),
        ({"version": True}, "is no version of a bundle"),
        ({"expires": "tomorrow"}, "is damaged"),
        ({"files": [1]}, "is damaged"),
        ({"files": [{"filenames": ["a/b"], "sha256": "0" * 64, "size": 1}]}, "is no name of a file"),
        ({"files": [{"filenames": [], "sha256": "../x", "size": 1}]}, "is no sha256 digest"),
        ({"sbom": {"sha256": "0" * 64, "size": -1}}, "expected 0 to"),
        ({"expires": "2027-01-01T00:00:00Z "}, "is damaged"),
    ],
)
def test_manifests_must_fit(made: Made, change: dict[str, object], message: str) -> None:
    found = json.loads(made.members["manifest.json"]) | change
    with pytest.raises(DataLossError, match=message):
        manifests.parse(manifests.canonical(found))


def test_a_manifest_has_one_form(made: Made) -> None:
    pretty = json.dumps(json.loads(made.members["manifest.json"]), indent=1).encode()
    with pytest.raises(DataLossError, match="not written in the one way"):
        manifests.parse(pretty)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"signatures": 1}', '{"signatures": [{"key": "a", "ed25519": "!"}]}', "[" * 5000]
)
def test_damaged_signatures(tmp_path: Path, made: Made, text: str) -> None:
    file = io.BytesIO()
    archive = ArchiveWriter(file)
    archive.add("manifest.json", made.members["manifest.json"])
    archive.add("manifest.sig", text.encode())
    assert "signatures are damaged" in refused(made, file.getvalue(), tmp_path)


def test_a_signature_of_something_else_is_wrong(tmp_path: Path, made: Made) -> None:
    ours = json.loads(made.members["manifest.sig"])["signatures"][0]["key"]
    forged = {"signatures": [{"ed25519": base64.b64encode(b"0" * 64).decode(), "key": ours}]}
    file = io.BytesIO()
    archive = ArchiveWriter(file)
    archive.add("manifest.json", made.members["manifest.json"])
    archive.add("manifest.sig", manifests.canonical(forged))
    said = refused(made, file.getvalue(), tmp_path, PermissionDeniedError)
    assert f"the signature of key {ours} (acme) is wrong: the bundle was changed after that" in said


def test_a_bundle_that_expires_while_it_comes_is_refused(tmp_path: Path, made: Made) -> None:
    times = iter([NOW + 1.0, *[NOW + 1e8] * 9])
    with pytest.raises(FailedPreconditionError, match="expired at"):
        import_bundle(io.BytesIO(made.data), tmp_path, Rules(read_trust(made.signer.trust)), lambda: next(times))
    assert PublishedFiles(tmp_path).read() == {}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000))
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(DataLossError):
        ArchiveReader(io.BytesIO(data)).first("manifest.json", 1000)


def test_headers_hold_sizes_of_any_file() -> None:
    for size in (0, 511, 8 << 30, 1 << 40):
        info = tarfile.TarInfo.frombuf(header(f"files/{'a' * 64}", size), "utf-8", "strict")
        assert (info.name, info.size, info.isreg()) == (f"files/{'a' * 64}", size, True)
