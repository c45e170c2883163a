"""`headrace mirror configure`: what is written is read by the real pip and uv, and nothing else of a file changes."""

from __future__ import annotations

import asyncio
import configparser
import os
import stat
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.mirror.group import mirror
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError
from headrace.mirror.clients.edits import Setting, set_ini, set_lines, unset
from headrace.mirror.clients.files import apply, planned
from headrace.mirror.clients.tools import TOOLS, Mirror, tool_of
from tests.interop.environments import ensure_with
from tests.mirror.setting import Setting as Running
from tests.mirror.setting import with_mirror

HERE = "http://127.0.0.1:8466"
REMOTE = "http://mirror.example:8466/packages"
INI = [
    "",
    "[global]\n",
    "[global]\nindex-url = https://a.example/simple/\n",
    "; words\n[install]\nx = y\n\n[global]\nindex_url: https://a.example/\n   https://b/\ntimeout = 60\n\n[list]\na=x\n",
    "[global]\n# index-url = https://remark.example/\nextra-index-url = https://c.example/\n",
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("PIP_CONFIG_FILE", raising=False)
    return folder


def run(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(mirror, ["configure", *arguments], input=answer)


def _parsed(text: str) -> dict[str, dict[str, str]]:
    """What pip reads: it takes "_" for "-" in names of settings."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: {key.replace("_", "-"): value for key, value in parser.items(name)} for name in parser.sections()}


@pytest.mark.parametrize("text", INI)
@pytest.mark.parametrize("url", [HERE, REMOTE])
def test_an_ini_file_keeps_all_else_and_comes_back_as_it_was(text: str, url: str) -> None:
    pip = tool_of("pip")
    assert pip.change is not None
    made = pip.change(text, Mirror(url))
    assert pip.change(made, Mirror(url)) == made, "once is as good as twice"
    assert pip.change(pip.change(text, Mirror(HERE)), Mirror(url)) == made, "another mirror takes the first one's place"
    after, before = _parsed(made), {"global": {}, **_parsed(text)}
    assert after["global"].pop("index-url") == f"{url}/simple/"
    assert after["global"].pop("trusted-host", None) == ("mirror.example:8466" if url == REMOTE else None)
    before["global"].pop("index-url", None)
    assert after == before
    back = unset(made)
    assert back == text or (text.strip() in ("", "[global]") and back.strip() in ("", "[global]"))


def test_a_file_that_the_client_cannot_read_is_left_alone(home: Path) -> None:
    with pytest.raises(FailedPreconditionError, match="mend it first"):
        set_ini("index-url = x\n", [Setting("global", "index-url", "y")])
    path = home / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text("no section = x\n")
    done = run("pip", "--write", "--yes")
    assert (done.exit_code, "mend it first" in done.output, path.read_text()) == (1, True, "no section = x\n")
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in run("pip", "--write", "--yes").output


def test_lines_of_a_shell_come_and_go() -> None:
    text = "umask 022\nexport PATH=$PATH:~/bin\n"
    made = set_lines(text, "export A=1")
    assert set_lines(made, "export A=2").count("# headrace mirror: begin") == 1
    assert unset(made) == text
    assert unset(text) == text


def test_the_difference_is_shown_and_asked_about_first(home: Path) -> None:
    path = home / ".config" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[global]\r\nindex-url = https://a.example/\r\n", newline="")
    path.chmod(0o640)
    before = path.read_bytes()
    refused = run("pip", "--write", answer="n\n")
    assert "+index-url = http://127.0.0.1:8466/simple/" in refused.output
    assert path.read_bytes() == before
    done = run("pip", "--write", answer="y\n")
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert b"\r\nindex-url = http://127.0.0.1:8466/simple/\r\n" in path.read_bytes()
    assert path.with_name("pip.conf.before-headrace").read_bytes() == before
    assert "nothing to do" in run("pip", "--write", "--yes").output
    assert run("pip", "--undo", "--yes").exit_code == 0
    assert path.read_bytes() == before
    assert "nothing to do" in run("pip", "--undo", "--yes").output


def test_what_was_made_is_removed_again_and_links_are_followed(home: Path, tmp_path: Path) -> None:
    path = home / ".config" / "uv" / "uv.toml"
    assert run("uv", "--write", "--yes").exit_code == 0
    assert path.exists()
    assert run("uv", "--undo", "--yes").exit_code == 0
    assert not path.exists()
    real = tmp_path / "dotfiles.toml"
    real.write_text("offline = false\n")
    path.symlink_to(real)
    assert run("uv", "--write", "--yes").exit_code == 0
    assert path.is_symlink()
    assert tomllib.loads(real.read_text())["index"][0]["default"] is True


def test_a_file_that_changes_meanwhile_is_not_overwritten(home: Path) -> None:
    change = planned(tool_of("pip"), home, Mirror(HERE))
    change.path.parent.mkdir(parents=True)
    change.path.write_text("[global]\ntimeout = 5\n")
    with pytest.raises(FailedPreconditionError, match="has changed since"):
        apply(change)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("pip", "[install]\nindex_url = https://a.example/\n", "outweighs that of"),
        ("uv", '[[index]]\nurl = "https://a.example/"\ndefault = true\n', "that is the default one"),
        ("uv", 'index-url = "https://a.example/"\n', "already has index-url"),
        ("uv", '[pip]\nindex-url = "https://a.example/"\n', "already has pip.index-url"),
        ("uv", "x =\n", "mend it first"),
        ("uv-project", '[tool.uv]\nindex = [{ name = "a", url = "https://a.example/" }]\n', "add by hand"),
        ("poetry", '[[tool.poetry.source]]\nname = "a"\nurl = "https://a.example/"\n', "that is the primary one"),
        ("pdm", '[[tool.pdm.source]]\nname = "pypi"\nurl = "https://a.example/"\n', 'called "pypi"'),
    ],
)
def test_settings_that_decide_otherwise_are_named_and_left(name: str, text: str, words: str, tmp_path: Path, home: Path) -> None:
    tool = tool_of(name)
    assert tool.path is not None
    path = tool.path(tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    done = run(name, "--write", "--yes", f"--folder={tmp_path}")
    assert (done.exit_code, words in done.output, path.read_text()) == (1, True, text), done.output


@pytest.mark.parametrize("name", ["uv-project", "poetry", "pdm"])
def test_a_project_keeps_all_else(name: str, tmp_path: Path) -> None:
    text = '[project]\nname = "x"\nversion = "1"\n\n[tool.uv]\ndev-dependencies = []\n\n[tool.poetry]\npackage-mode = false\n'
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    assert run(name, "--write", "--yes", f"--folder={tmp_path}", f"--url={REMOTE}").exit_code == 0
    made = tomllib.loads(path.read_text())
    tool = {"uv-project": "uv", "poetry": "poetry", "pdm": "pdm"}[name]
    added = made["tool"][tool].pop("index" if tool == "uv" else "source")
    assert added[0]["url"] == f"{REMOTE}/simple/"
    if tool == "pdm":
        del made["tool"]["pdm"]
    assert made == tomllib.loads(text)
    assert run(name, "--undo", "--yes", f"--folder={tmp_path}").exit_code == 0
    assert path.read_text() == text


def test_all_settings_are_shown() -> None:
    assert "HF_ENDPOINT" not in run().output, "not every mirror has a hub"
    shown = run("--hub").output
    for words in (
        "[global]",
        "[[index]]",
        "[[tool.uv.index]]",
        "PIP_INDEX_URL",
        "--build-arg",
        "variables:",
        "env:",
        "HF_ENDPOINT",
    ):
        assert words in shown
    assert shown.count("# ") >= len(TOOLS)
    assert "trusted-host = mirror.example:8466" in run("pip", f"--url={REMOTE}").output
    assert "trusted-host" not in run("pip", "--url=https://mirror.example").output


@pytest.mark.parametrize(
    "url", ["", "mirror.example", "ftp://x/", "http://", "http://x:99999/", "http://x/?q", 'http://x/"', "http://x/\nb"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match="is no URL of a mirror"):
        Mirror(url)


def test_options_that_make_no_sense() -> None:
    assert "expected one of them" in run("pip", "--write", "--undo").output
    assert "whose settings?" in run("--write").output
    assert "shown only" in run("github", "--write", "--yes").output


@pytest.mark.interop
def test_pip_and_uv_install_by_what_was_written(home: Path, tmp_path: Path) -> None:
    pip = ensure_with("pip", ["pip==26.3"])
    uv = Path(sys.executable).with_name("uv")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_", "XDG_"))} | {"HOME": str(home)}

    async def said(*command: str | Path, **more: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *map(str, command), cwd=tmp_path, env=clean | more, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    async def work(setting: Running) -> None:
        setting.index.add("demo", "1.0")
        for name in ("pip", "uv"):
            assert run(name, "--write", "--yes", f"--url={setting.url}").exit_code == 0
        assert (await said(pip, "-m", "pip", "config", "get", "global.index-url")).strip() == f"{setting.url}/simple/"
        install = ["install", "--no-cache-dir", "--disable-pip-version-check", "--target", tmp_path / "a", "demo"]
        await said(pip, "-m", "pip", *install)
        await said(uv, "pip", "install", "--no-cache", "--target", tmp_path / "b", "demo")
        project = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["demo"]\n'
        (tmp_path / "pyproject.toml").write_text(project)
        assert run("uv-project", "--write", "--yes", f"--url={setting.url}", f"--folder={tmp_path}").exit_code == 0
        await said(uv, "lock", "--no-cache", XDG_CONFIG_HOME=str(tmp_path / "none"))
        (locked,) = [each for each in tomllib.loads((tmp_path / "uv.lock").read_text())["package"] if each["name"] == "demo"]
        assert locked["source"] == {"registry": f"{setting.url}/simple/"}

    with_mirror(tmp_path / "mirror", work)
    assert (tmp_path / "a" / "demo.py").exists()
    assert (tmp_path / "b" / "demo.py").exists()
