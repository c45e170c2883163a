"""A configuration file that is watched: applied when it changes, and without harm when it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from headrace.core.errors import OpError
from headrace.proto.serving import ModelServerConfig
from headrace.serving.configuration import text
from headrace.serving.configuration.watch import ConfigWatcher
from tests.serving.fleet import Fleet, config
from tests.serving.toy import wait_until, write_version


class Watched:
    """A file and the models that follow it."""

    def __init__(self, root: Path) -> None:
        self.fleet = Fleet(root)
        self.file = root / "models.config"
        self.errors: list[OpError] = []
        first = config(a=self.fleet.path("a", 1))
        self.write(first)
        self.fleet.begin(first)
        self.watcher = ConfigWatcher(self.file, 0.02, first, self.fleet.models.reload, self.errors.append)

    def write(self, content: Any) -> None:
        self.file.write_text(content if isinstance(content, str) else text_format.MessageToString(content))

    @property
    def models(self) -> list[str]:
        return self.fleet.models.names


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path)
    yield watched
    watched.watcher.stop(30)
    assert watched.fleet.models.stop(30)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "configuration is not applied" in record.getMessage()]


def test_a_file_that_stays_is_not_applied_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not watched.watcher.look()
    monkeypatch.setattr(text, "parse", None)
    assert not watched.watcher.look(), "nor parsed"
    assert watched.fleet.told == []


def test_a_change_is_applied(watched: Watched) -> None:
    watched.write(config(b=watched.fleet.path("b", 2)))
    assert watched.watcher.look()
    assert watched.models == ["b"]
    assert not watched.watcher.look()
    assert watched.fleet.told == [None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("model_config_list { config { nam", "models.config:1:30: Message type"),
        ('model_config_list { config { name: "b" base_path: "x" model_platform: "tensorflow" } }', "absolute path"),
        ("", "It is only legal to transition from one ModelConfigList to another"),
    ],
)
def test_a_wrong_file_is_told_of_once_and_the_models_stay(
    watched: Watched, caplog: pytest.LogCaptureFixture, content: str, message: str
) -> None:
    watched.write(content)
    for _ in range(3):
        assert not watched.watcher.look()
    assert watched.models == ["a"]
    assert watched.fleet.ask("a") == 1.0
    assert len(complaints(caplog)) == 1
    assert message in complaints(caplog)[0]
    assert len(watched.errors) + len(watched.fleet.told) == 3, "every try is counted"
    watched.write(config(a=watched.fleet.path("a"), b=watched.fleet.path("b", 2)))
    assert watched.watcher.look()
    assert watched.models == ["a", "b"]


def test_a_missing_file_is_told_of_and_the_models_stay(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.file.unlink()
    assert not watched.watcher.look()
    assert watched.models == ["a"]
    assert "models.config: No such file or directory" in complaints(caplog)[0]
    assert [error.code for error in watched.errors] == ["NOT_FOUND"]


def test_a_label_ahead_of_its_version_is_applied_once_the_version_is_there(watched: Watched) -> None:
    path = watched.fleet.path("a")
    ahead = config(a={"base_path": path, "labels": {"stable": 2}})
    watched.write(ahead)
    assert not watched.watcher.look()
    write_version(path, 2, 2.0)
    wait_until(lambda: watched.fleet.models.available_versions() == {"a": [2]})
    assert watched.watcher.look()
    assert watched.fleet.ask("a", label="stable") == 2.0


def test_a_model_that_is_not_there_yet_is_waited_for_by_polling(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    watched.write(config(a=watched.fleet.path("a"), b=watched.fleet.root / "later"))
    assert not watched.watcher.look()
    assert watched.watcher.look(), "the model is in the list now, so nothing is left to do"
    assert len(complaints(caplog)) == 1
    write_version(watched.fleet.root / "later", 3, 3.0)
    wait_until(lambda: watched.fleet.models.unready() == [])


def test_the_thread_goes_on_whatever_happens(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    applied: list[Any] = []

    def reload(message: Any) -> Any:
        applied.append(message)
        if len(applied) == 1:
            raise RuntimeError("unforeseen")
        return watched.fleet.models.reload(message)

    watcher = ConfigWatcher(watched.file, 0.02, ModelServerConfig(), reload, watched.errors.append)
    watcher.start()
    wait_until(lambda: len(applied) == 2)
    watcher.stop(30)
    assert "looking at the configuration failed" in caplog.text
