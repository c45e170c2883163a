"""The compiled descriptors and the message classes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from google.protobuf import descriptor_pool

from headrace.core import errors
from headrace.proto import build, messages


@pytest.mark.skipif(importlib.util.find_spec("grpc_tools") is None, reason="grpcio-tools, a development tool, is not installed")
def test_the_checked_in_descriptors_are_up_to_date() -> None:
    assert build.compile_texts() == build.OUTPUT.read_bytes(), "run `python -m headrace.proto.build`"


def test_a_text_that_does_not_compile_is_named(tmp_path, monkeypatch, capfd) -> None:
    pytest.importorskip("grpc_tools.protoc")
    (tmp_path / "wrong.proto").write_text("message {")
    monkeypatch.setattr(build, "TEXTS", tmp_path)
    with pytest.raises(RuntimeError, match=r"wrong\.proto"):
        build.compile_texts()
    assert "wrong.proto" in capfd.readouterr().err


def test_the_default_pool_stays_untouched() -> None:
    script = (
        "import headrace.proto.messages as m\n"
        "from google.protobuf import descriptor_pool\n"
        "try:\n    descriptor_pool.Default().FindMessageTypeByName('tensorflow.GraphDef')\n"
        "except KeyError:\n    print('untouched', m.GraphDef.DESCRIPTOR.full_name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["untouched", "tensorflow.GraphDef"]
    assert messages.POOL is not descriptor_pool.Default()


def test_parse_names_what_is_damaged() -> None:
    with pytest.raises(errors.DataLossError, match=r"model\.pb is not a serialized SavedModel \(3 bytes\)"):
        messages.parse(messages.SavedModel, b"\x12\x40\x01", "model.pb")


def test_an_undeclared_message_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        messages.message("tensorflow.Nothing")


def test_serialization_is_deterministic_and_keeps_unknown_fields() -> None:
    node = messages.NodeDef(name="a", op="Add")
    node.attr["T"].type = 1
    node.attr["b"].b = True
    data = messages.serialize(node) + b"\xba\x3e\x03xyz"  # field 999
    again = messages.parse(messages.NodeDef, data, "node")
    assert messages.serialize(again) == messages.serialize(messages.parse(messages.NodeDef, messages.serialize(again), "node"))
    assert b"xyz" in messages.serialize(again)
