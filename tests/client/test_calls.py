"""Both kinds of client, over both protocols, against the model server as a process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from headrace.client import AsyncClient, Client, Limits, Retries
from headrace.core import dtypes, errors
from headrace.core.spec import TensorSpec
from headrace.proto.messages import Example
from tests.client.clients import KINDS
from tests.client.toy_server import ECHOED
from tests.serving.process import Server, running
from tests.serving.toy import write_version

FLAGS = ("--port=auto", "--rest_api_max_body_bytes=50000000", "--rest_api_timeout_in_ms=20000")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("client")
    write_version(folder / "m", 1, 2.0)
    write_version(folder / "m", 2, 3.0)
    (folder / "models").write_text(
        f'model_config_list {{ config {{ name: "m" base_path: "{folder}/m" model_platform: "tensorflow"'
        '  model_version_policy { all {} } version_labels { key: "old" value: 1 } } }'
    )
    flags = (f"--model_config_file={folder}/models", "--allow_version_labels_for_unavailable_models", *FLAGS)
    with running(*flags, f"--grpc_socket_path={folder}/socket", module="tests.client.toy_server") as server:
        server.socket = f"unix:{folder}/socket"  # type: ignore[attr-defined]
        yield server.ready()


def place(server: Server, protocol: str) -> str:
    return server.url if protocol == "rest" else f"grpc://{server.grpc}"


@pytest.fixture(params=["rest", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, server: Server, protocol: str) -> Iterator[Any]:
    with KINDS[request.param](place(server, protocol)) as client:
        yield client


class TestPredict:
    def test_versions_and_labels(self, client: Any) -> None:
        x = np.float32([[1, 2]])
        for where, scale in [({}, 3), ({"version": 1}, 2), ({"version": 2}, 3), ({"label": "old"}, 2)]:
            answer = client.predict("m", {"x": x}, **where)
            assert answer.keys() == {"y"}
            assert answer["y"].dtype == np.float32
            np.testing.assert_array_equal(answer["y"], x * scale)

    def test_python_values_take_tensorflows_dtypes(self, client: Any) -> None:
        answer = client.predict("m", {"a": [1.5, 2], "b": np.int64([3, 4])}, signature="pair")
        assert {name: value.tolist() for name, value in answer.items()} == {"sum": [4.5, 6], "product": [4.5, 8]}
        assert client.predict("m", {"x": [1, -2]}, signature="echo_int32")["y_bytes"].tolist() == [1, -2]
        assert client.predict("m", {"x": [1, 1 << 40]}, signature="echo_int64")["y_bytes"].tolist() == [1, 1 << 40]

    def test_chosen_outputs(self, client: Any) -> None:
        inputs = {"a": np.float32([1]), "b": np.int64([3])}
        assert client.predict("m", inputs, signature="pair", outputs=["sum"]).keys() == {"sum"}
        with pytest.raises(errors.InvalidArgumentError, match="total"):
            client.predict("m", inputs, signature="pair", outputs=["total"])

    def test_strings_of_any_bytes(self, client: Any) -> None:
        answer = client.predict("m", {"s": ["ab", "é"]}, signature="text")
        assert answer["upper"].tolist() == [b"AB", "é".encode().upper()]
        odd = [[b"\xff\x00", b""], [b"x\x00", "ü"]]
        answer = client.predict("m", {"x": odd}, signature="echo_string")
        assert answer["y_bytes"].tolist() == [[b"\xff\x00", b""], [b"x\x00", "ü".encode()]]
        assert client.predict("m", {"x": b"one"}, signature="echo_string")["y_bytes"].tolist() == b"one"

    @pytest.mark.parametrize("dtype", ECHOED, ids=lambda dtype: dtype.name)
    @pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 0), (3, 2, 1)], ids=str)
    def test_every_dtype_comes_back_as_it_was(self, client: Any, protocol: str, dtype: Any, shape: tuple[int, ...]) -> None:
        random = np.random.default_rng(1)
        if dtype.is_integer:
            array = random.integers(int(dtype.min), int(dtype.max), shape, dtype.np_dtype, endpoint=True)
            array = np.asarray(array, dtype.np_dtype)
        elif dtype is dtypes.string:
            array = np.asarray([random.bytes(3) for _ in range(int(np.prod(shape)))], object).reshape(shape)
        else:
            array = np.asarray(random.standard_normal(shape) * 100).astype(dtype.np_dtype)
        if dtype.is_complex and protocol == "rest":
            with pytest.raises(errors.UnimplementedError, match="gRPC"):
                client.predict("m", {"x": array}, signature=f"echo_{dtype.name}")
            return
        answer = client.predict("m", {"x": array}, signature=f"echo_{dtype.name}")["y_bytes"]
        assert answer.dtype == array.dtype
        if array.size or protocol == "grpc":
            assert answer.shape == array.shape
        assert answer.tolist() == array.tolist()

    @pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
    def test_odd_floats(self, client: Any, dtype: Any) -> None:
        array = np.array([np.nan, np.inf, -np.inf, -0.0, ml_dtypes.finfo(dtype).max, ml_dtypes.finfo(dtype).tiny], dtype)
        answer = client.predict("m", {"x": array}, signature=f"echo_{np.dtype(dtype).name}")["y_bytes"]
        assert answer.tobytes() == array.tobytes()

    def test_forms_of_memory(self, client: Any) -> None:
        wide = np.arange(24, dtype=np.float32).reshape(4, 6)
        for array in (wide.T, wide[::2, ::-1], wide.astype(">f4"), np.asfortranarray(wide)):
            answer = client.predict("m", {"x": array}, signature="echo_float32")["y_bytes"]
            np.testing.assert_array_equal(answer, array)

    def test_large_arrays(self, client: Any) -> None:
        array = np.random.default_rng(2).standard_normal((500, 1000), np.float32)
        np.testing.assert_array_equal(client.predict("m", {"x": array}, signature="echo_float32")["y_bytes"], array)

    def test_an_empty_answer_has_the_signatures_shape(self, client: Any) -> None:
        assert client.predict("m", {"x": np.ones((2, 3), np.float32)}, signature="columns")["y"].shape == (0, 3)

    def test_shapes_that_json_cannot_say(self, client: Any, protocol: str) -> None:
        empty = np.ones((0, 3), np.float32)
        if protocol == "rest":
            with pytest.raises(errors.InvalidArgumentError, match=r"\[0, 3\], which JSON cannot say"):
                client.predict("m", {"x": empty}, signature="echo_float32")
        else:
            assert client.predict("m", {"x": empty}, signature="echo_float32")["y_bytes"].shape == (0, 3)

    def test_a_scalar_output(self, client: Any) -> None:
        answer = client.predict("m", {"x": np.float32([1, 2])}, signature="total")["total"]
        assert (answer.shape, answer.dtype, float(answer)) == ((), np.float32, 3.0)


class TestHeads:
    def example(self) -> Any:
        example = Example()
        example.features.feature["x"].float_list.value.append(0.25)
        example.features.feature["n"].int64_list.value.append(3)
        example.features.feature["s"].bytes_list.value.append(b"yes")
        return example

    def test_forms_of_examples(self, client: Any) -> None:
        plain = {"x": 0.25, "n": 3, "s": "yes"}
        lists = {"x": [0.25], "n": [3], "s": [b"yes"]}
        examples = [self.example(), self.example().SerializeToString(), plain, lists]
        rows = client.classify("m", examples, signature="classify")
        assert rows == [[("no", 0.75), ("yes", 0.25)]] * 4
        values = client.regress("m", examples, signature="regress")
        assert (values.dtype, values.tolist()) == (np.float32, [3.25] * 4)

    def test_whole_floats_stay_floats(self, client: Any) -> None:
        assert client.regress("m", [{"x": 2.0, "n": 1}, {"x": 1e20, "n": True}], signature="regress").tolist() == [
            3,
            np.float32(1e20),
        ]

    def test_a_context(self, client: Any) -> None:
        values = client.regress("m", [{"x": 1.0}, {"x": 2.0, "n": 5}], signature="regress", context={"n": 7})
        assert values.tolist() == [8, 7]

    @pytest.mark.parametrize(
        ("examples", "message"),
        [
            ([], "at least one"),
            ({"x": 1}, "expected a list"),
            ([b"\xff"], "example 0 is not a serialized tf.Example"),
            ([{"x": 1.0}, {"x": [[1.0]]}], "feature 'x' of example 1"),
            ([{"x": [1, object()]}], "feature 'x' of example 0"),
            ([{"n": 1 << 63}], "does not fit"),
            ([3], "example 0 is a int"),
        ],
    )
    def test_wrong_examples(self, client: Any, examples: Any, message: str) -> None:
        with pytest.raises(errors.InvalidArgumentError, match=message):
            client.regress("m", examples, signature="regress")


class TestAbout:
    def test_metadata(self, client: Any) -> None:
        metadata = client.metadata("m")
        assert (metadata.model, metadata.version) == ("m", 2)
        pair = metadata.signatures["pair"]
        assert pair.inputs["b"].dtype is dtypes.int64
        assert pair.outputs["sum"].shape.as_list() == [None]
        assert metadata.signatures["serving_default"].inputs["x"] == TensorSpec([None, 2], "float32", "serving_default_x:0")
        assert metadata.signatures["regress"].method_name == "tensorflow/serving/regress"
        assert client.metadata("m", label="old").version == 1

    def test_status(self, client: Any) -> None:
        assert {each.version: (each.state, each.error) for each in client.status("m")} == {
            1: ("AVAILABLE", None),
            2: ("AVAILABLE", None),
        }
        assert [each.version for each in client.status("m", version=1)] == [1]

    def test_health(self, client: Any) -> None:
        assert client.live() is True
        assert client.ready() is True

    def test_a_socket(self, server: Server) -> None:
        with Client(server.socket) as client:  # type: ignore[attr-defined]
            assert client.ready()
            assert client.predict("m", {"x": np.float32([[1, 2]])})["y"].tolist() == [[3, 6]]


class TestErrors:
    def test_the_servers_words(self, client: Any) -> None:
        with pytest.raises(errors.NotFoundError, match=r"Latest\(nobody\)"):
            client.predict("nobody", {"x": [1.0]})
        with pytest.raises(errors.NotFoundError):
            client.metadata("m", version=9)
        with pytest.raises(errors.InvalidArgumentError, match="label"):
            client.status("m", label="new")
        with pytest.raises((errors.InvalidArgumentError, errors.FailedPreconditionError), match='"no" not found'):
            client.predict("m", {"x": [1.0]}, signature="no")
        with pytest.raises(errors.InvalidArgumentError):
            client.predict("m", {"x": np.ones((1, 3), np.float32)})
        with pytest.raises(errors.InternalError):
            client.predict("m", {"x": [1.0]}, signature="broken")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"model": ""}, "expected its name"),
            ({"version": -1}, "version is -1"),
            ({"version": 1, "label": "old"}, "expected one of them"),
            ({"inputs": [1]}, "expected a dict"),
            ({"inputs": {"x": [[1], [1, 2]]}}, "nested lists of one shape"),
            ({"inputs": {"x": [{}]}}, "objects that are no strings"),
            ({"inputs": {"x": np.datetime64("2026-01-01")}}, "no tensor"),
            ({"outputs": "y"}, "list or tuple of names"),
            ({"timeout": 0}, "seconds above 0"),
            ({"timeout": float("nan")}, "seconds above 0"),
        ],
    )
    def test_wrong_arguments(self, client: Any, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(errors.InvalidArgumentError, match=message):
            client.predict(**({"model": "m", "inputs": {"x": [[1.0, 2.0]]}} | arguments))

    def test_a_closed_client(self, server: Server, protocol: str) -> None:
        client = Client(place(server, protocol))
        client.close()
        with pytest.raises(errors.FailedPreconditionError, match="closed"):
            client.live()

    def test_deadlines(self, client: Any) -> None:
        with pytest.raises(errors.DeadlineExceededError):
            client.predict("m", {"seconds": np.float32([1.0])}, signature="slow", timeout=0.2)

    def test_large_answers(self, server: Server, protocol: str) -> None:
        with Client(place(server, protocol), limits=Limits(max_response_bytes=20_000)) as client:
            assert client.predict("m", {"x": np.zeros(100, np.float32)}, signature="echo_float32")["y_bytes"].size == 100
            with pytest.raises(errors.ResourceExhaustedError):
                client.predict("m", {"x": np.zeros(10_000, np.float32)}, signature="echo_float32")


def test_threads_share_a_client(server: Server, protocol: str) -> None:
    with Client(place(server, protocol), retries=Retries(limit=5)) as client, ThreadPoolExecutor(8) as pool:

        def ask(number: int) -> list[float]:
            answer: list[float] = client.predict("m", {"x": np.float32([[number, 1]])}, version=1)["y"].tolist()[0]
            return answer

        assert list(pool.map(ask, range(200))) == [[2 * number, 2] for number in range(200)]


def test_tasks_share_a_client(server: Server, protocol: str) -> None:
    async def ask_all() -> list[Any]:
        async with AsyncClient(place(server, protocol)) as client:
            answers = await asyncio.gather(*(client.predict("m", {"x": np.float32([[n, 1]])}, version=1) for n in range(200)))
            return [answer["y"].tolist()[0] for answer in answers]

    assert asyncio.run(ask_all()) == [[2 * number, 2] for number in range(200)]


def test_a_task_can_be_cancelled(server: Server, protocol: str) -> None:
    async def cancel() -> None:
        async with AsyncClient(place(server, protocol)) as client:
            task = asyncio.create_task(client.predict("m", {"seconds": np.float32([0.5])}, signature="slow"))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.predict("m", {"x": np.float32([[1, 2]])}))["y"].tolist() == [[3, 6]]

    asyncio.run(cancel())


def test_nobody_is_there(tmp_path: Path) -> None:
    for address in ("http://127.0.0.1:9", "grpc://127.0.0.1:9", f"unix:{tmp_path}/none"):
        for kind in KINDS.values():
            with kind(address, retries=0) as client:
                assert client.live() is False
                with pytest.raises(errors.UnavailableError):
                    client.status("m")
