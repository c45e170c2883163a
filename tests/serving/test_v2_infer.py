"""Inference over the V2 protocol, without a socket."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from headrace.serving.batching.options import BatchingOptions
from headrace.serving.engines.base import Array
from headrace.serving.rest.app import RestOptions
from headrace.serving.rest.v2.request import parse
from tests.serving.toy import Service
from tests.serving.toy_v2 import NUMPY, PATH, binary, echoing, split, to_bytes

quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with echoing(tmp_path_factory.mktemp("models")) as service:
        yield service


def ask(service: Service, content: Any, *blocks: bytes, path: str = PATH, **options: Any) -> httpx.Response:
    return service.ask("POST", path, **(binary(content, *blocks) if blocks else {"content": json.dumps(content)}), **options)


def tensor(name: str, datatype: str, shape: Any, data: Any = None, **parameters: Any) -> dict[str, Any]:
    described = {"name": name, "datatype": datatype, "shape": list(shape)}
    return described | ({"parameters": parameters} if parameters else {"data": data})


def arrays(datatype: str) -> st.SearchStrategy[Array]:
    """Arrays of a datatype; of floats, all bit patterns."""
    shapes = stnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3)
    dtype = np.dtype(NUMPY[datatype])
    if datatype == "BYTES":
        return shapes.flatmap(
            lambda shape: st.lists(st.binary(max_size=5), min_size=math.prod(shape), max_size=math.prod(shape)).map(
                lambda items: _objects(items, shape)
            )
        )
    plain = np.dtype(f"u{dtype.itemsize}")
    if dtype.kind in "fV":
        return stnp.arrays(plain, shapes).map(lambda bits: bits.view(dtype))
    return stnp.arrays(dtype, shapes)


def _objects(items: list[Any], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(shape)


@pytest.mark.parametrize("datatype", NUMPY)
class TestEveryDatatype:
    def test_binary(self, service: Service, datatype: str) -> None:
        @quick
        @given(arrays(datatype), arrays(datatype))
        def round_trip(x: Array, y: Array) -> None:
            data = {"x": to_bytes(x), "y": to_bytes(y)}
            inputs = [tensor(name, datatype, a.shape, binary_data_size=len(data[name])) for name, a in (("x", x), ("y", y))]
            request = {"parameters": {"signature": datatype, "binary_data_output": True}, "inputs": inputs}
            content, blocks = split(ask(service, request, *data.values()))
            assert content["outputs"] == inputs
            assert blocks == data

        round_trip()

    def test_json(self, service: Service, datatype: str) -> None:
        @quick
        @given(arrays(datatype).filter(lambda x: x.dtype == object or bool(np.isfinite(x).all())), st.booleans())
        def round_trip(x: Array, nested: bool) -> None:
            if datatype == "BYTES":
                x = _objects([item.hex() for item in x.ravel()], x.shape)
            values = x.astype(float) if datatype.startswith(("FP", "BF")) else x
            data = values.tolist() if nested and x.ndim else values.ravel().tolist()
            request = {"parameters": {"signature": datatype}, "inputs": [tensor("x", datatype, x.shape, data)]}
            content, blocks = split(ask(service, request | {"outputs": [{"name": "x"}]}))
            (output,) = content["outputs"]
            assert (output["datatype"], output["shape"], blocks) == (datatype, list(x.shape), {})
            found = np.array(output["data"], x.dtype) if datatype != "BYTES" else _objects(output["data"], (x.size,))
            assert found.ravel().tolist() == x.ravel().tolist()

        round_trip()


class TestRequests:
    def test_json_in_and_out(self, service: Service) -> None:
        response = ask(service, {"id": "42", "inputs": [tensor("x", "FP32", [2, 2], [1, 2, 3, 4])]})
        assert response.headers["content-type"] == "application/json"
        assert "inference-header-content-length" not in response.headers
        assert response.json() == {
            "model_name": "m",
            "model_version": "7",
            "id": "42",
            "parameters": {"signature": "serving_default"},
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 2], "data": [2.0, 4.0, 6.0, 8.0]}],
        }

    @pytest.mark.parametrize("path", ["/v2/models/m/versions/7/infer", "/V2/models/%6D/versions/007/Infer"])
    def test_paths(self, service: Service, path: str) -> None:
        assert ask(service, {"inputs": [tensor("x", "FP32", [1, 2], [[1, 2]])]}, path=path).status_code == 200

    def test_outputs_come_as_asked_for(self, service: Service) -> None:
        inputs = [tensor("a", "FP32", [1], [2]), tensor("b", "INT64", [1], [3])]
        request = {"parameters": {"signature": "pair", "binary_data_output": True}, "inputs": inputs}
        chosen = [{"name": "sum"}, {"name": "product", "parameters": {"binary_data": False}}]
        content, blocks = split(ask(service, request | {"outputs": chosen}))
        assert [output["name"] for output in content["outputs"]] == ["sum", "product"]
        assert blocks == {"sum": np.float32(5).tobytes()}
        assert content["outputs"][1]["data"] == [6.0]
        content, blocks = split(ask(service, request | {"outputs": []}))
        assert list(blocks) == ["product", "sum"]

    def test_binary_and_json_inputs_mix(self, service: Service) -> None:
        inputs = [tensor("a", "FP32", [2], [1, 2]), tensor("b", "INT64", [2], binary_data_size=16)]
        response = ask(service, {"parameters": {"signature": "pair"}, "inputs": inputs}, np.array([3, 4]).tobytes())
        assert [output["data"] for output in response.json()["outputs"]] == [[3.0, 8.0], [4.0, 6.0]]

    def test_scalars_odd_floats_and_bytes(self, service: Service) -> None:
        total = {"parameters": {"signature": "total"}, "inputs": [tensor("x", "FP32", [2], [1, 2])]}
        assert ask(service, total).json()["outputs"][0] == {"name": "total", "datatype": "FP32", "shape": [], "data": [3.0]}
        odd = b'{"parameters":{"signature":"divide"},"inputs":[{"name":"x","datatype":"FP32","shape":[3],"data":[0,NaN,-0.0]}]}'
        assert b'"data":[Infinity,NaN,-Infinity]' in service.ask("POST", PATH, content=odd).content
        text = {"parameters": {"signature": "BYTES"}, "inputs": [tensor("x", "BYTES", [1], [{"b64": "/w=="}])]}
        response = ask(service, text)
        assert response.status_code == 400
        assert 'output "x" holds bytes that are not UTF-8; ask for it with' in response.json()["error"]
        text["outputs"] = [{"name": "x", "parameters": {"binary_data": True}}]
        assert split(ask(service, text))[1] == {"x": b"\1\0\0\0\xff"}

    def test_binary_inputs_are_views_of_the_body_at_any_length_of_the_json(self, service: Service) -> None:
        values = np.arange(6, dtype=np.float64)
        for spaces in range(16):
            request = {"id": " " * spaces, "parameters": {"signature": "FP64"}}
            inputs = [tensor("x", "FP64", [6], binary_data_size=48)]
            assert ask(service, request | {"inputs": inputs}, values.tobytes()).status_code == 200
            (model,) = service.engine.models.values()
            seen = model.seen["x"]
            assert (seen.tolist(), seen.flags.owndata, seen.flags.writeable) == (values.tolist(), False, False)

    def test_inputs_that_are_not_aligned_are_copied(self, service: Service) -> None:
        inputs = [tensor("x", "INT32", [1], binary_data_size=4), tensor("y", "INT32", [1], binary_data_size=4)]
        request = {"parameters": {"signature": "INT32", "binary_data_output": True}, "inputs": inputs}
        packed = binary(request, b"\1\0\0\0", b"\2\0\0\0")
        headers = packed["headers"] | {"Content-Encoding": "gzip"}
        for _ in range(4):
            response = service.ask("POST", PATH, content=gzip.compress(packed["content"]), headers=headers)
            assert split(response)[1] == {"x": b"\1\0\0\0", "y": b"\2\0\0\0"}

    def test_large_answers_come_in_blocks(self, service: Service) -> None:
        values = np.arange(100_000, dtype=np.int32)
        inputs = [tensor("x", "INT32", [100_000], binary_data_size=values.nbytes)]
        request = {"parameters": {"signature": "INT32", "binary_data_output": True}, "inputs": inputs}
        response = ask(service, request, values.tobytes())
        assert response.headers["content-type"] == "application/octet-stream"
        assert int(response.headers["content-length"]) == len(response.content)
        assert split(response)[1]["x"] == values.tobytes()


class TestTimeLoadAndMetrics:
    def test_requests_share_batches_and_their_timeout_counts(self, tmp_path: Path) -> None:
        with echoing(tmp_path, batching=BatchingOptions()) as service:
            x = tensor("x", "FP32", [1, 2], [1, 2])
            assert ask(service, {"inputs": [x]}).json()["outputs"][0]["data"] == [2.0, 4.0]
            slow = {"parameters": {"signature": "slow", "timeout": 50_000}, "inputs": [tensor("seconds", "FP32", [1], [0.4])]}
            response = ask(service, slow)
            assert (response.status_code, "time for this request ran out" in response.json()["error"]) == (504, True)

    def test_the_servers_timeout(self, tmp_path: Path) -> None:
        with echoing(tmp_path, rest=RestOptions(timeout_seconds=0.05)) as service:
            slow = {"parameters": {"signature": "slow"}, "inputs": [tensor("seconds", "FP32", [1], [0.3])]}
            assert ask(service, slow).status_code == 504

    @pytest.mark.parametrize(("given", "ours"), [(0, None), (1, 0), (3, 2), (100, 7)])
    def test_the_protocols_priorities(self, given: int, ours: int | None) -> None:
        body = json.dumps({"parameters": {"priority": given}, "inputs": []}).encode()
        assert parse(body, "").priority == ours

    def test_metrics(self, tmp_path: Path) -> None:
        with echoing(tmp_path) as service:
            ask(service, {"inputs": [tensor("x", "FP32", [1, 2], [1, 2])]})
            ask(service, {"inputs": [tensor("x", "FP32", [1, 3], [1, 2])]})
            page = service.metrics.page(service.models)
        assert 'headrace_serving_requests_total{model="m",version="7",api="Infer",protocol="REST",code="OK"} 1' in page
        assert 'api="Infer",protocol="REST",code="INVALID_ARGUMENT"} 1' in page
        assert 'headrace_serving_run_duration_seconds_count{model="m",version="7",api="Infer"} 1' in page
