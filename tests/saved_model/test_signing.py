"""Signatures of models: made and checked with model-signing, whose own program agrees; whatever differs is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import headrace as tf
from headrace.cli.main import main
from headrace.core.errors import (
    DataLossError,
    FailedPreconditionError,
    HeadraceError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
)
from headrace.saved_model.digest import content_digest
from headrace.saved_model.signing import sign, verify_signature
from headrace.serving.engines.native import NativeEngine
from headrace.serving.lifecycle import LifecycleOptions, ModelLifecycle


def new_key(folder: Path, name: str, password: bytes | None = None) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    kept = NoEncryption() if password is None else BestAvailableEncryption(password)
    (folder / f"{name}.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept))
    (folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys a and b and a model signed with a."""
    folder = tmp_path_factory.mktemp("signed")
    new_key(folder, "a")
    new_key(folder, "b")
    model = tf.Module()
    model.v = tf.Variable([1.0, 2.0])
    tf.saved_model.save(model, folder / "model")
    sign(folder / "model", folder / "a.pem")
    double = tf.function(lambda x: {"y": x * 2.0}, input_signature=[tf.TensorSpec([None], name="x")])
    model.double = double
    tf.saved_model.save(model, folder / "served", signatures=double)
    sign(folder / "served", folder / "a.pem")
    return folder


@pytest.fixture
def signed(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return shutil.copytree(made, tmp_path / "copy")


def test_a_signed_model_is_loaded_wherever_it_stands(signed: Path) -> None:
    loaded = tf.saved_model.load(signed / "model", public_key=signed / "a.pub")
    assert loaded.v.numpy().tolist() == [1.0, 2.0]


def test_signing_leaves_the_digest(signed: Path) -> None:
    digest = content_digest(signed / "model")
    (signed / "model" / "model.sig").unlink()
    assert content_digest(signed / "model") == digest


def test_the_library_s_own_program_agrees(signed: Path) -> None:
    model, program = signed / "model", [sys.executable, "-m", "model_signing"]
    signature = model / "model.sig"
    check = [*program, "verify", "key", str(model), "--signature", str(signature), "--public_key", str(signed / "a.pub")]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    signature.unlink()
    again = [*program, "sign", "key", str(model), "--signature", str(signature), "--private_key", str(signed / "b.pem")]
    subprocess.run(again, capture_output=True, check=True)
    verify_signature(model, signed / "b.pub")


def test_the_server_keeps_to_signed_versions(signed: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(signed / "served", base / "1")
    engine = NativeEngine(public_key=signed / "a.pub")
    lifecycle = ModelLifecycle("m", base, engine, LifecycleOptions(max_load_retries=0, retry_seconds=0.0))
    lifecycle.step()
    assert {s.version: s.state.value for s in lifecycle.statuses()} == {1: "AVAILABLE"}
    shutil.copytree(signed / "served", base / "2")
    (base / "2" / "model.sig").unlink()
    lifecycle._next_scan = 0.0
    lifecycle.step()
    states = {s.version: s for s in lifecycle.statuses()}
    assert {version: status.state.value for version, status in states.items()} == {1: "AVAILABLE", 2: "END"}
    assert "there is no signature" in str(states[2])


def flip(model: Path) -> None:
    path = model / "variables" / "variables.data-00000-of-00001"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def cut(model: Path) -> None:
    path = model / "model.sig"
    path.write_text(path.read_text()[:200])


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (flip, DataLossError, "is not the model that was signed: .*changed are variables/variables.data-00000-of-00001$"),
        (lambda model: (model / "saved_model.pb").unlink(), DataLossError, "missing are saved_model.pb$"),
        (lambda model: (model / "assets" / "more").write_text("x"), DataLossError, "more are assets/more$"),
        (lambda model: (model / "more").symlink_to(model / "saved_model.pb"), DataLossError, "symlink"),
        (cut, DataLossError, "the signature .* is damaged"),
        (lambda model: (model / "model.sig").write_text("{}"), DataLossError, "the signature .* is damaged"),
        (lambda model: (model / "model.sig").write_bytes(b"\xff"), DataLossError, "the signature .* is damaged"),
        (lambda model: (model / "model.sig").unlink(), NotFoundError, "there is no signature"),
    ],
)
def test_what_was_not_signed_is_refused(
    signed: Path, change: Callable[[Path], object], error: type[HeadraceError], says: str
) -> None:
    change(signed / "model")
    with pytest.raises(error, match=says):
        verify_signature(signed / "model", signed / "a.pub")


def test_wrong_and_damaged_keys_are_named(signed: Path) -> None:
    with pytest.raises(PermissionDeniedError, match=r"was not made with the key that .*b\.pub' belongs to"):
        tf.saved_model.load(signed / "model", public_key=signed / "b.pub")
    (signed / "c.pub").write_text("no key")
    with pytest.raises(InvalidArgumentError, match=r"the public key .*c\.pub' cannot be read"):
        verify_signature(signed / "model", signed / "c.pub")
    with pytest.raises(NotFoundError, match="there is no private key"):
        sign(signed / "model", signed / "none.pem")
    with pytest.raises(InvalidArgumentError, match="cannot be signed with the key"):
        sign(signed / "model", signed / "c.pub")
    with pytest.raises(NotFoundError, match="there is no folder"):
        sign(signed / "nowhere", signed / "a.pem")
    verify_signature(signed / "model", signed / "a.pub")  # a failed signing leaves the signature that was there


def test_without_the_library_the_error_says_what_to_install(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "model_signing", None)
    monkeypatch.setitem(sys.modules, "model_signing.verifying", None)
    with pytest.raises(FailedPreconditionError, match=r"install headrace\[signing\]"):
        verify_signature(signed / "model", signed / "a.pub")


def test_the_commands(signed: Path, tmp_path: Path) -> None:
    new_key(tmp_path, "locked", b"secret")
    model, run = str(signed / "model"), CliRunner().invoke
    digest = content_digest(model)
    elsewhere = str(tmp_path / "elsewhere.sig")
    given = [
        "sign",
        model,
        "--private_key",
        str(tmp_path / "locked.pem"),
        "--signature",
        elsewhere,
        "--password_env",
        "KEY_PASSWORD",
    ]
    assert "no variable 'KEY_PASSWORD'" in run(main, given).output
    done = run(main, given, env={"KEY_PASSWORD": "secret"})
    assert (done.exit_code, done.output.strip()) == (0, elsewhere)
    # The other signature in the folder is one of the files that were signed.
    check = ["verify", model, "--public_key", str(tmp_path / "locked.pub"), "--signature", elsewhere, "--expected_digest", digest]
    assert run(main, check).output.strip() == f"{model}: verified"
    flip(signed / "model")
    for by in (["--expected_digest", digest], ["--public_key", str(signed / "a.pub")]):
        done = run(main, ["verify", model, *by])
        assert (done.exit_code, done.output[:7]) == (1, "Error: ")
    assert "nothing to verify by" in run(main, ["verify", model]).output
