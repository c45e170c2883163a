"""Answers kept for requests that come again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from headrace.core.errors import InvalidArgumentError
from headrace.serving.batching.options import BatchingOptions
from headrace.serving.cache import CacheOptions, ResponseCache, digest
from headrace.serving.engines.base import Array
from headrace.serving.models import ModelSpec
from headrace.serving.servable import State
from tests.serving.toy import Service, wait_until, write_version

CACHE = CacheOptions(1 << 20, frozenset({("m", "serving_default"), ("m", "text")}))


@pytest.mark.parametrize("batching", [None, BatchingOptions()])
def test_a_request_that_comes_again_is_not_run(tmp_path: Path, batching: BatchingOptions | None) -> None:
    write_version(tmp_path, 1, 3.0)
    with Service(tmp_path, cache=CACHE, batching=batching) as service:
        wait_until(lambda: service.lifecycle.available)
        (model,) = service.engine.models.values()
        warm = len(model.runs)

        def ask(value: float, signature: str = "", wanted: tuple[str, ...] = ()) -> Array:
            name = signature or "serving_default"
            inputs = {"serving_default": {"x": np.float32([[value, 1]])}, "divide": {"x": np.float32([value])}}[name]
            return service.dataplane.predict(ModelSpec("m", signature=signature), inputs, wanted).outputs["y"]

        assert ask(2).tolist() == ask(2, wanted=("y",)).tolist() == ask(2, "serving_default").tolist() == [[6, 3]]
        assert len(model.runs) == warm + 1
        assert ask(4).tolist() == [[12, 3]]
        assert len(model.runs) == warm + 2
        assert ask(2, "divide").tolist() == ask(2, "divide").tolist() == [0.5]
        assert len(model.runs) == warm + 4, "this signature is not to be kept"

        write_version(tmp_path, 2, 5.0)
        wait_until(lambda: service.lifecycle.statuses()[0].version == 2 and service.lifecycle.statuses()[1].state is State.END)
        assert ask(2).tolist() == [[10, 5]], "another version, another answer"


def test_errors_are_not_kept_and_strings_are(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with Service(tmp_path, cache=CACHE) as service:
        wait_until(lambda: service.lifecycle.available)
        spec = ModelSpec("m", signature="text")
        for _ in range(2):
            with pytest.raises(InvalidArgumentError):
                service.dataplane.predict(spec, {"s": np.float32([1])})
            outputs = service.dataplane.predict(spec, {"s": np.array([b"ab"], object)}).outputs
            assert {name: value.tolist() for name, value in outputs.items()} == {"upper": [b"AB"], "raw_bytes": [b"ab"]}


def test_the_oldest_make_room_and_large_answers_are_not_kept() -> None:
    cache = ResponseCache(CacheOptions(5000, frozenset()))
    for number in range(10):
        cache.put(bytes([number]), {"y": np.zeros(100)})
        cache.get("m", "s", b"\x00")
    kept = [number for number in range(10) if cache.get("m", "s", bytes([number])) is not None]
    assert kept == [0, 6, 7, 8, 9], "five of 928 bytes; the first was in use all along"
    cache.put(b"large", {"y": np.zeros(1000)})
    assert cache.get("m", "s", b"large") is None


def test_what_is_kept_cannot_be_changed_from_outside() -> None:
    cache = ResponseCache(CacheOptions(5000, frozenset()))
    answer = np.zeros(3)
    cache.put(b"k", {"y": answer})
    answer[0] = 7
    kept = cache.get("m", "s", b"k")
    assert kept is not None
    kept["z"] = answer
    assert cache.get("m", "s", b"k") == {"y": kept["y"]}
    assert kept["y"].tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        kept["y"][0] = 1


def test_a_size_that_is_not_positive_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="max_bytes of the response cache is 0; expected a positive number"):
        CacheOptions(0, frozenset())


STRINGS = st.lists(st.binary(max_size=3), max_size=3).map(lambda items: np.array([*items, None], object)[:-1])
VALUES = st.one_of(
    arrays.arrays(st.sampled_from([np.float32, np.int8, np.bool_]), arrays.array_shapes(min_dims=0, min_side=0, max_side=3)),
    STRINGS,
)


def same(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return one.keys() == other.keys() and all(
        (a.dtype, a.shape) == (b.dtype, b.shape) and (a.tolist() == b.tolist() if a.dtype.hasobject else a.tobytes() == b.tobytes())
        for a, b in ((one[name], other[name]) for name in one)
    )


@given(st.dictionaries(st.sampled_from("ab"), VALUES), st.dictionaries(st.sampled_from("ab"), VALUES))
def test_a_digest_tells_apart_whatever_differs(one: dict[str, Array], other: dict[str, Array]) -> None:
    assert (digest(1, "s", one) == digest(1, "s", other)) == same(one, other)
    assert len({digest(1, "s", one), digest(2, "s", one), digest(1, "t", one), digest(1, "s 1", one)}) == 4
