"""`--config`: what a TOML file says in place of flags."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.mirror import serve as command
from headrace.mirror.options import MirrorOptions, UpstreamOptions

FILE = """
root = "kept"
private = ["acme-*"]
private_read = "token"
uploaders = "people.toml"
port = 8500
tls_certificate = "both.pem"
url = "https://mirror.example/packages"
trusted_proxy = ["10.0.0.0/8"]
insecure_tokens = true
fresh_minutes = 1
high_gib = 2.5
low_gib = 2

[[upstream]]
name = "inner"
url = "http://127.0.0.1:3141/simple/"
projects = ["inner-*"]
fresh_minutes = 0.5
stale_minutes = 2
error_hours = 24
timeout_seconds = 5
private_addresses = true
connections = 2

[[upstream]]
name = "outer"
url = "https://index.example/simple/"
"""


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> list[MirrorOptions]:
    """The mirrors that were started."""
    found: list[MirrorOptions] = []

    async def run(options: MirrorOptions) -> None:
        found.append(options)

    monkeypatch.setattr(command, "run_mirror", run)
    return found


def test_it_holds_what_flags_do_and_more_of_upstreams(tmp_path: Path, options: list[MirrorOptions]) -> None:
    (tmp_path / "people.toml").write_text(f"[[uploader]]\nname='ann'\ntoken_sha256='{'0' * 64}'\nprojects=['acme-*']\n")
    path = tmp_path / "mirror.toml"
    path.write_text(FILE)
    done = CliRunner().invoke(command.serve, [f"--config={path}", "--port=8600"])
    assert done.exit_code == 0, done.output
    (found,) = options
    inner, outer = found.upstreams
    assert inner == UpstreamOptions("inner", "http://127.0.0.1:3141/simple/", 30.0, 120.0, 86400.0, ("inner-*",), 5.0, True, 2)
    assert outer == UpstreamOptions("outer", "https://index.example/simple/", 60.0)
    assert found.port == 8600, "flags outweigh the file"
    assert (found.root, found.uploaders[0].name) == (tmp_path / "kept", "ann")
    assert (found.private, found.private_read) == (("acme-*",), "token")
    assert found.tls is not None
    assert found.tls.certificate == tmp_path / "both.pem"
    assert (found.url, found.trusted_proxies) == ("https://mirror.example/packages", ("10.0.0.0/8",))
    assert (found.insecure_tokens, found.high_bytes, found.low_bytes) == (True, 5 << 29, 2 << 30)

    flags = ["--upstream=only=http://127.0.0.1:1/simple/", "--fresh_minutes=3"]
    assert CliRunner().invoke(command.serve, [f"--config={path}", *flags]).exit_code == 0
    assert options[1].upstreams == (UpstreamOptions("only", "http://127.0.0.1:1/simple/", 180.0),)


def test_upstreams_as_texts(tmp_path: Path, options: list[MirrorOptions]) -> None:
    path = tmp_path / "mirror.toml"
    path.write_text('upstream = ["a=http://127.0.0.1:1/simple/", "http://127.0.0.1:2/simple/"]\n')
    assert CliRunner().invoke(command.serve, [f"--config={path}"]).exit_code == 0
    assert [(each.name, each.url[-10:]) for each in options[0].upstreams] == [("a", ":1/simple/"), ("main2", ":2/simple/")]


def test_all_mistakes_are_named_at_once(tmp_path: Path, options: list[MirrorOptions]) -> None:
    path = tmp_path / "mirror.toml"
    path.write_text(
        'ports = 1\nport = "8466"\nhost = 7\nprivate = "acme-*"\noffline = 1\nfresh_minutes = -1\nhigh_gib = true\nconfig = "x"\n'
        '[[upstream]]\nname = ""\nurls = "x"\nfresh_minutes = "1"\nprojects = "x"\nprivate_addresses = 1\nconnections = 0\n'
    )
    done = CliRunner().invoke(command.serve, [f"--config={path}"])
    assert (done.exit_code, options) == (2, [])
    for part in (
        "'ports' is not known; did you mean 'port'?",
        "'port': '8466'; expected a whole number",
        "'host': 7; expected a text",
        "'private': 'acme-*'; expected a list",
        "'offline': 1; expected true or false",
        "'fresh_minutes': -1",
        "'high_gib': True; expected a number",
        "'config' is not known",
        "upstream 1: 'urls' is not known; did you mean 'url'?",
        "upstream 1: 'name' is ''; expected a text",
        "upstream 1: 'url' is None; expected a text",
        "upstream 1: 'fresh_minutes' is '1'; expected a number of 0 or more",
        "upstream 1: 'projects' is 'x'; expected a list of patterns",
        "upstream 1: 'private_addresses' is 1; expected true or false",
        "upstream 1: 'connections' is 0; expected a whole number from 1 to 64",
    ):
        assert part in done.output


@pytest.mark.parametrize("text", ["port = ", None])
def test_a_file_that_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "mirror.toml"
    if text is not None:
        path.write_text(text)
    done = CliRunner().invoke(command.serve, [f"--config={path}"])
    assert (done.exit_code, "cannot be read" in done.output) == (2, True)
