"""`headrace mirror keygen`, `bundle` and `import`: what they say and what they leave."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from headrace.cli.mirror.group import mirror
from headrace.core.errors import InvalidArgumentError
from headrace.mirror.bundles.importing import Rules, import_bundle
from headrace.mirror.bundles.keys import read_private, read_trust
from tests.mirror.bundles.stock import NOW, make_bundle, signer, stock


def run(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(mirror, [str(each) for each in arguments], env=environment)
    return done.exit_code, done.output


def test_keys(tmp_path: Path) -> None:
    code, said = run("keygen", tmp_path / "acme", "--password_env=PASSWORD", PASSWORD="secret")
    assert (code, "keep it secret" in said) == (0, True)
    assert (tmp_path / "acme.key").stat().st_mode & 0o777 == 0o600
    (trusted,) = read_trust(tmp_path / "acme.pub")
    assert trusted.id in said
    assert read_private(tmp_path / "acme.key", b"secret").public_key().public_bytes_raw() == trusted.public
    for password in (None, b"wrong"):
        with pytest.raises(InvalidArgumentError, match="cannot be read"):
            read_private(tmp_path / "acme.key", password)
    before = (tmp_path / "acme.key").read_bytes()
    code, said = run("keygen", tmp_path / "acme")
    assert (code, "is there; another name keeps it from being lost" in said) == (1, True)
    assert (tmp_path / "acme.key").read_bytes() == before
    assert "has no variable 'NONE'" in run("keygen", tmp_path / "b", "--password_env=NONE")[1]
    other = ec.generate_private_key(ec.SECP256R1())
    pem = other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "other.key").write_bytes(pem)
    with pytest.raises(InvalidArgumentError, match="is a key of another kind; expected Ed25519"):
        read_private(tmp_path / "other.key", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no keys"),
        ("key = 1", "has no keys"),
        ("[[key]]\nname = 'a'", "other fields than name, ed25519 and bundles"),
        ("[[key]]\nname = 'a'\ned25519 = 'AAAA'", "it has 3 bytes, not 32"),
        ("[[key]]\nname = 'a'\ned25519 = '!'", "has a damaged key 'a'"),
        ("[[key]]\nname = 1\ned25519 = ''", "whose name is no text"),
        ("[[key]]\nname = 'a'\ned25519 = ''\nbundles = 'x'", "whose bundles are no patterns"),
        ("[", "cannot be read"),
    ],
)
def test_mistakes_in_a_trust_file_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "trust.toml").write_text(text)
    with pytest.raises(InvalidArgumentError, match=message):
        read_trust(tmp_path / "trust.toml")


def test_what_the_commands_say(tmp_path: Path) -> None:
    acme, here, there, out = signer(tmp_path, "acme"), tmp_path / "here", tmp_path / "there", tmp_path / "b.tar"
    stock(here, "demo", "1.0")
    stock(here, "own", "1.0", upstream="private")
    common = ("bundle", out, f"--root={here}", "--name=acme", f"--key={acme.key}", "--version=1")
    assert "either -r FILE" in run(*common)[1]
    assert "either -r FILE" in run(*common, "--all", "-r", tmp_path / "x")[1]
    assert "--expires=soon is no time" in run(*common, "--all", "--expires=soon")[1]
    assert "would expire before it is made" in run(*common, "--all", "--expires=2001-01-01T00:00:00Z")[1]
    assert "SOURCE_DATE_EPOCH is 'x'" in run(*common, "--all", SOURCE_DATE_EPOCH="x")[1]
    assert "is no name of a bundle" in run(*common, "--all", "--name=A/B")[1]
    assert "cannot be written" in run("bundle", tmp_path / "no/b.tar", *common[2:], "--all")[1]
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".partial" or path == out]
    far = ("--all", "--expires=2999-01-01T00:00:00Z")
    code, said = run(*common, *far, SOURCE_DATE_EPOCH="1800000000")
    assert (code, said.startswith(f"{out}: acme 1, 1 projects, 2 files (")) == (0, True)
    assert said.endswith(" bytes), to be imported before 2999-01-01T00:00:00Z\n")
    first = out.read_bytes()
    run(*common, *far, SOURCE_DATE_EPOCH="1800000000")
    assert out.read_bytes() == first
    assert "2 projects, 4 files" in run(*common, *far, "--private")[1]
    out.write_bytes(first)
    take_it = ("import", out, f"--root={there}", f"--trust={acme.trust}")
    assert "all of it is right: 1 projects, 2 files, 2 of them new" in run(*take_it, "--check")[1]
    code, said = run(*take_it)
    assert (code, said.splitlines()[1]) == (0, f"its components: {there / 'bundles/sbom/acme-1.cdx.json'}")
    assert "; before it was version 1" in run(*take_it)[1]
    piped = CliRunner().invoke(mirror, ["import", "-", f"--root={tmp_path / 'piped'}", f"--trust={acme.trust}"], input=first)
    assert (piped.exit_code, "2 of them new" in piped.output) == (0, True), piped.output
    assert "cannot be read" in run("import", tmp_path / "none.tar", *take_it[2:])[1]
    out.write_bytes(b"x" * 2000)
    assert "this is no bundle, or a damaged one" in run(*take_it)[1]


def test_what_a_policy_refuses_by_now_is_left_out(tmp_path: Path) -> None:
    acme, here, out = signer(tmp_path, "acme"), tmp_path / "here", tmp_path / "b.tar"
    stock(here, "demo", "1.0", "1.1")
    stock(here, "other", "1.0")
    (tmp_path / "policy.toml").write_text('deny = ["demo>=1.1"]\n')
    common = (
        "bundle",
        out,
        f"--root={here}",
        "--name=acme",
        f"--key={acme.key}",
        "--version=1",
        f"--policy={tmp_path / 'policy.toml'}",
    )
    code, said = run(*common, "--all")
    assert (code, "left out: demo-1.1-py3-none-any.whl: " in said, "2 projects, 4 files" in said) == (0, True, True), said
    (tmp_path / "lock.txt").write_text("demo==1.1\n")
    code, said = run(*common, "-r", tmp_path / "lock.txt")
    assert (code, "no files of demo 1.1 are here" in said, "refused: " in said) == (1, True, True)


def test_memory_does_not_grow_with_files(tmp_path: Path) -> None:
    acme, size = signer(tmp_path, "acme"), 24 << 20
    stock(tmp_path / "here", "demo", "1.0", size=size)
    tracemalloc.start()
    try:
        bundle_file = tmp_path / "b.tar"
        make_bundle(tmp_path / "here", bundle_file, acme)
        with bundle_file.open("rb") as file:
            import_bundle(file, tmp_path / "there", Rules(read_trust(acme.trust)), lambda: NOW + 5.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert bundle_file.stat().st_size > size
    assert peak < size / 2
