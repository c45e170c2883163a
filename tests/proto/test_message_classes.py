"""The classes of messages that stand within others."""

from __future__ import annotations

import gc
import weakref

from headrace.serving.grpc.v2.messages import ModelInferRequest


def test_they_outlive_their_messages() -> None:
    """protobuf ends the process when the garbage collector takes one away while other threads read messages."""
    kinds = [weakref.ref(type(ModelInferRequest().inputs.add())), weakref.ref(type(ModelInferRequest().inputs.add().contents))]
    gc.collect()
    assert [kind() for kind in kinds] == [type(ModelInferRequest().inputs.add()), type(ModelInferRequest().inputs.add().contents)]
    assert None not in [kind() for kind in kinds]
