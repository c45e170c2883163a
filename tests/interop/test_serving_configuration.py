"""Model server configurations of tensorflow-serving-api's own protocol buffers, read and written by Headrace."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from headrace.core.errors import InvalidArgumentError
from headrace.proto.messages import POOL, serialize
from headrace.proto.serving import ModelServerConfig
from headrace.serving.configuration import text
from headrace.serving.configuration.model_list import ModelConfig, read_models
from headrace.serving.storage import All, Latest, Specific
from tests.interop.peer_runs import run_peer
from tests.interop.peers.serving_config_texts import RIGHT, WRONG, fields

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def written(tensorflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str | None]]:
    """The folder of the peer's configurations, and what it makes of odd texts."""
    folder = tmp_path_factory.mktemp("configs")
    return folder, run_peer(tensorflow_python, "serving_configs.py", "write", folder)


@pytest.mark.parametrize("name", ["empty", "models", "custom"])
def test_texts_of_the_peer_are_read_as_it_means_them(written: tuple[Path, Any], name: str) -> None:
    folder, _ = written
    found = text.read(folder / f"{name}.config", ModelServerConfig)
    assert serialize(found) == (folder / f"{name}.bytes").read_bytes()
    assert ModelServerConfig.FromString((folder / f"{name}.bytes").read_bytes()) == found


def test_what_the_models_of_the_peer_mean(written: tuple[Path, Any]) -> None:
    found = read_models(text.read(written[0] / "models.config", ModelServerConfig))
    last = 2**63 - 1
    labels = {"stable": 1, "canary": last}
    assert found == (
        ModelConfig("first", Path("/models/first"), policy=Latest(3)),
        ModelConfig("zweites Modell é", Path("/models/second"), policy=Specific(frozenset({1, last})), labels=labels),
        ModelConfig("third", Path("/models/third"), policy=All()),
    )


def test_odd_texts_are_read_or_refused_as_by_the_peer(written: tuple[Path, dict[str, str | None]]) -> None:
    for name, content in (WRONG | RIGHT).items():
        expected = written[1][name]
        assert (expected is None) is (name in WRONG), f"the peer reads {name} otherwise than meant"
        try:
            found = text.parse(content.encode(), ModelServerConfig, name)
        except InvalidArgumentError as error:
            assert expected is None, f"{name} is refused: {error.message}"
        else:
            assert expected is not None, f"{name} is not refused"
            assert serialize(found) == base64.b64decode(expected), name


def test_our_texts_are_read_by_the_peer(tensorflow_python: Path, tmp_path: Path) -> None:
    for name, content in RIGHT.items():
        message = text.parse(content.encode(), ModelServerConfig, name)
        (tmp_path / name).write_text(text_format.MessageToString(message, descriptor_pool=POOL))
    names = sorted(RIGHT)
    answers = run_peer(tensorflow_python, "serving_configs.py", "read", *(tmp_path / name for name in names))
    for name, answer in zip(names, answers, strict=True):
        assert base64.b64decode(answer) == serialize(text.parse(RIGHT[name].encode(), ModelServerConfig, name))


def test_every_field_of_the_peer_is_ours_too(tensorflow_python: Path) -> None:
    expected = run_peer(tensorflow_python, "serving_configs.py", "fields")
    found: dict[str, Any] = {}
    for message in {name.rpartition(".")[0].removeprefix("tensorflow.serving.").partition(".")[0] for name in expected}:
        found |= fields(POOL.FindMessageTypeByName(f"tensorflow.serving.{message}"))
    assert found == expected
