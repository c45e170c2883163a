"""The making of environments for other frameworks, without making one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import environments


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, and no package index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(environments, "PACKAGES", {"headrace-peer": "1.2.3"})
    return tmp_path / "headrace" / "interop"


def fake_python(cache: Path, version: str) -> Path:
    python = cache / "headrace-peer" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    return python


def test_an_environment_of_the_right_version_is_adopted(cache: Path) -> None:
    python = fake_python(cache, "1.2.3")
    assert environments.ensure("headrace-peer") == python
    python.write_text("#!/bin/sh\nexit 1\n")
    assert environments.ensure("headrace-peer") == python  # the stamp is enough


def test_what_cannot_be_made_says_so_and_leaves_nothing(cache: Path) -> None:
    fake_python(cache, "1.2.2")
    with pytest.raises(
        environments.EnvironmentUnavailable, match=r"headrace-peer==1\.2\.3 could not be made.*[\s\S]*HEADRACE_NO_INTEROP"
    ):
        environments.ensure("headrace-peer")
    assert not (cache / "headrace-peer").exists()
