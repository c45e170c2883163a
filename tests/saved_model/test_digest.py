"""The digest of a model's content, and a loader that insists on it."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

import headrace as tf
from headrace.core.errors import DataLossError, InvalidArgumentError, NotFoundError
from headrace.saved_model.digest import content_digest, verify_digest


def test_the_digest_is_what_sha256sum_makes(tmp_path):
    model = tf.Module()
    model.v = tf.Variable([1.0])
    tf.saved_model.save(model, tmp_path / "m")
    (tmp_path / "m" / ".hidden").write_text("left out")
    names = sorted(p.relative_to(tmp_path / "m").as_posix() for p in (tmp_path / "m").rglob("*") if p.is_file())
    names.remove(".hidden")
    done = subprocess.run(["sha256sum", *names], cwd=tmp_path / "m", capture_output=True, check=True)
    found = content_digest(tmp_path / "m")
    assert found == f"sha256:{hashlib.sha256(done.stdout).hexdigest()}"
    verify_digest(tmp_path / "m", found)
    (tmp_path / "m" / "more").write_text("x")
    with pytest.raises(DataLossError, match=f"expected {found}"):
        verify_digest(tmp_path / "m", found)
    with pytest.raises(InvalidArgumentError, match="'md5:1' is no digest"):
        verify_digest(tmp_path / "m", "md5:1")
    (tmp_path / "m" / "link").symlink_to(os.devnull)
    with pytest.raises(InvalidArgumentError, match="a link that leads out"):
        content_digest(tmp_path / "m")
    with pytest.raises(NotFoundError, match="no folder"):
        content_digest(tmp_path / "none")


def test_a_model_with_another_digest_is_not_loaded(tmp_path):
    model = tf.Module()
    model.v = tf.Variable([1.0])
    tf.saved_model.save(model, tmp_path / "m")
    digest = content_digest(tmp_path / "m")
    assert tf.saved_model.load(tmp_path / "m", expected_digest=digest).v.numpy().tolist() == [1.0]
    model.v.assign([2.0])
    tf.saved_model.save(model, tmp_path / "m")
    with pytest.raises(DataLossError, match=f"has the digest .*; expected {digest}"):
        tf.saved_model.load(tmp_path / "m", expected_digest=digest)
