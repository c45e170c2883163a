"""What may run a model: flags, and the file of exceptions."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from headrace.cli.serve import serve
from headrace.core.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from headrace.serving.engines import litert, openvino
from headrace.serving.engines.options import EngineOptions, read_exceptions
from headrace.serving.engines.selection import ServingEngine

USUAL = EngineOptions(streams=3)


def test_a_file_of_exceptions(tmp_path: Path) -> None:
    file = tmp_path / "engines.toml"
    file.write_text('[models.resnet]\nengine = "openvino"\nprecisions = ["f32", "bf16"]\n[models."a b"]\nchoice_seconds = 1\n')
    assert read_exceptions(file, USUAL) == {
        "resnet": EngineOptions("openvino", ("f32", "bf16"), 3),
        "a b": EngineOptions(streams=3, choice_seconds=1),
    }
    file.write_text("")
    assert read_exceptions(file, USUAL) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[models.m", "is no TOML"),
        ("a = " + "[" * 5000, "is no TOML"),
        ("[model.m]\n", r"has \['model'\]; expected a table \[models.NAME\]"),
        ("models = 1\n", "expected a table"),
        ("[models]\nm = 1\n", r"\[models.m\] of .* is 1; expected a table"),
        ('[models.m]\nengin = "xla"\n', "has engin = 'xla'; expected engine, precisions"),
        ("[models.m]\nengine = 1\n", "has engine = 1"),
        ("[models.m]\nstreams = true\n", "has streams = True"),
        ('[models.m]\nengine = "tpu"\n', r"\[models.m\] of .*: there is no engine 'tpu'; expected one of auto, xla"),
        ('[models.m]\nprecisions = ["f8"]\n', r"got the precisions \['f8'\]; expected some of f32, bf16, int8"),
        ("[models.m]\nprecisions = []\n", r"got the precisions \[\]"),
        ("[models.m]\nstreams = 0\n", "got 0 streams"),
        ("[models.m]\nchoice_seconds = -1.0\n", "and -1.0 s for the choice"),
        ("#" * (1 << 20) + "\n", "is larger than"),
    ],
)
def test_a_wrong_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "engines.toml"
    file.write_text(text)
    with pytest.raises(InvalidArgumentError, match=message):
        read_exceptions(file, USUAL)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "engines.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidArgumentError, match="is no TOML"):
        read_exceptions(file, USUAL)
    with pytest.raises(NotFoundError, match="cannot read"):
        read_exceptions(tmp_path / "none.toml", USUAL)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--engine=tpu", "'tpu' is not one of"),
        ("--engine_precision=f8", "got the precisions"),
        ("--engine_precision=", "got the precisions"),
        ("--engine_streams=0", "not in the range"),
        ("--engine_config_file=/none/engines.toml", "cannot read /none/engines.toml"),
    ],
)
def test_wrong_flags_are_refused(flag: str, message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(serve, [f"--model_base_path={tmp_path}", "--port=0", "--rest_api_port=auto", flag])
    assert result.exit_code != 0
    assert message in result.output


def test_an_engine_that_is_asked_for_must_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(openvino, "installed", lambda: False)
    monkeypatch.setattr(litert, "installed", lambda: False)
    with pytest.raises(FailedPreconditionError, match=r"pip install 'headrace\[openvino\]'"):
        ServingEngine(EngineOptions("openvino"))
    with pytest.raises(FailedPreconditionError, match=r"pip install 'headrace\[litert\]'"):
        ServingEngine(EngineOptions("litert"))
    (tmp_path / litert.FILE).write_bytes(b"")
    with pytest.raises(FailedPreconditionError, match=r"pip install 'headrace\[litert\]'"):
        ServingEngine(EngineOptions()).load(tmp_path)
