"""`headrace serve` as a process, over real sockets."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import signal
import socket
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from headrace.cli.main import main
from tests.serving.process import BODY, Load, serving
from tests.serving.toy import wait_until, write_version


def test_versions_are_swapped_under_load_with_no_failed_request(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 1.0)
    with serving(tmp_path) as server:
        server.ready()
        with Load(server.url) as load:
            for version in range(2, 7):
                wait_until(lambda: all(answers and answers[-1][0] for answers in load.answers))
                write_version(tmp_path, version, float(version))
                wait_until(lambda version=version: server.statuses().get(str(version)) == "AVAILABLE")
            wait_until(lambda: all(answers[-1][1] == [[6.0, 12.0]] for answers in load.answers))
        assert not load.faults
        for answers in load.answers:
            assert {status for status, _ in answers} == {200}
            scales = [predictions[0][0] for _, predictions in answers]
            assert all(predictions == [[scale, 2 * scale]] for (_, predictions), scale in zip(answers, scales, strict=True))
            assert scales == sorted(scales), "no client went back to an older version"
            assert set(scales) >= {1.0, 6.0}
        wait_until(lambda: server.statuses() == {"6": "AVAILABLE"} | {str(version): "END" for version in range(1, 6)})
        assert server.end() == 0


def test_bad_versions_leave_the_old_one_serving(tmp_path: Path) -> None:
    write_version(tmp_path, 1, 1.0)
    whole = write_version(tmp_path / "elsewhere", 2, 2.0)
    with serving(tmp_path) as server, httpx.Client() as client:
        server.ready()

        def scale() -> float:
            return float(client.post(f"{server.url}/v1/models/m:predict", json=BODY).json()["predictions"][0][0])

        with Load(server.url, clients=2) as load:
            (tmp_path / "3").mkdir()
            (tmp_path / "3" / "saved_model.pb").write_bytes(b"\x00\xffnonsense\n")
            wait_until(lambda: server.statuses().get("3") == "END")
            assert scale() == 1.0
            shutil.rmtree(tmp_path / "3")

            copy = tmp_path / "4"
            copy.mkdir()
            content = (whole / "saved_model.pb").read_bytes()
            with (copy / "saved_model.pb").open("wb", buffering=0) as file:
                file.write(content[:5])
                wait_until(lambda: server.statuses().get("4") == "END")
                assert scale() == 1.0
                file.write(content[5:])
            wait_until(lambda: server.statuses().get("4") == "AVAILABLE")
            assert scale() == 2.0
        assert not load.faults
        assert {status for answers in load.answers for status, _ in answers} == {200}
        assert server.end() == 0
    failures = [line for line in server.log if "load failed" in line]
    assert any("model=m version=3" in line for line in failures)
    assert any("model=m version=4" in line and "code=DATA_LOSS" in line and "truncated" in line for line in failures)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_requests_in_progress_end_and_exits_0(tmp_path: Path, number: int) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path) as server:
        server.ready()
        host = server.url.removeprefix("http://")
        idle = http.client.HTTPConnection(host)
        idle.request("GET", "/livez")
        assert idle.getresponse().read() == b'{"live":true}'
        busy = http.client.HTTPConnection(host, timeout=60)
        busy.request("POST", "/v1/models/m:predict", json.dumps({"signature_name": "slow", "inputs": [1.0]}))
        wait_until(lambda: 'in_flight{protocol="REST"} 1' in httpx.get(f"{server.url}/monitoring/prometheus/metrics").text)
        server.process.send_signal(number)

        def refused() -> bool:
            try:
                socket.create_connection(("127.0.0.1", int(host.partition(":")[2])), 5).close()
            except OSError:
                return True
            return False

        wait_until(refused)
        response = busy.getresponse()
        assert (response.status, json.loads(response.read())) == (200, {"outputs": [True]})
        assert server.wait() == 0
        idle.close()
        busy.close()
    assert any('"unloaded" model=m version=1' in line for line in server.log)
    assert not any("Traceback" in line for line in server.log)


def test_a_run_that_hangs_does_not_keep_the_server_alive(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path, "--shutdown_grace_seconds=0.2") as server:
        server.ready()
        busy = http.client.HTTPConnection(server.url.removeprefix("http://"))
        busy.request("POST", "/v1/models/m:predict", json.dumps({"signature_name": "slow", "inputs": [600.0]}))
        wait_until(lambda: 'in_flight{protocol="REST"} 1' in httpx.get(f"{server.url}/monitoring/prometheus/metrics").text)
        assert server.end() == 0
        busy.close()


def test_the_port_opens_when_the_first_version_is_there(tmp_path: Path) -> None:
    with serving(tmp_path / "later") as server:
        wait_until(lambda: any("could not find base path" in line for line in server.log))
        write_version(tmp_path / "later", 1)
        server.ready()
        assert server.statuses() == {"1": "AVAILABLE"}
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        assert server.end() == 0


def test_the_port_opens_when_the_first_version_has_failed(tmp_path: Path) -> None:
    (write_version(tmp_path, 1) / "saved_model.pb").write_text("{")
    with serving(tmp_path) as server:
        server.ready()
        assert server.statuses() == {"1": "END"}
        assert httpx.get(f"{server.url}/readyz").status_code == 503
        response = httpx.post(f"{server.url}/v1/models/m:predict", json=BODY)
        assert (response.status_code, response.json()) == (404, {"error": "Servable not found for request: Latest(m)"})
        assert server.end() == 0


def test_a_signal_before_the_first_version_ends_the_server_too(tmp_path: Path) -> None:
    with serving(tmp_path / "never") as server:
        wait_until(lambda: any("could not find base path" in line for line in server.log))
        assert server.end() == 0


def test_odd_requests_on_the_wire(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with serving(tmp_path, "--rest_api_max_body_bytes=100000") as server:
        server.ready()
        address = ("127.0.0.1", int(server.url.rpartition(":")[2]))

        def exchange(*parts: bytes, leave: bool = False) -> bytes:
            with socket.create_connection(address, 30) as connection:
                for part in parts:
                    connection.sendall(part)
                if leave:
                    connection.shutdown(socket.SHUT_WR)
                answer = b""
                while chunk := connection.recv(65536):
                    answer += chunk
            return answer

        assert exchange(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")
        head = b"POST /v1/models/m:predict HTTP/1.1\r\nHost: h\r\n"
        assert exchange(head + b"Content-Length: 99999999999\r\n\r\n" + b"x" * 1000, leave=True) == b""
        large = exchange(head + b"Content-Length: 200000\r\n\r\n", b"x" * 200000)
        assert large.startswith(b"HTTP/1.1 413")
        chunked = exchange(
            head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n14\r\n", b'{"inputs":[[1,2.5]]}', b"\r\n0\r\n\r\n"
        )
        assert chunked.startswith(b"HTTP/1.1 200")
        assert chunked.endswith(b'{"outputs":[[1.0,2.5]]}')
        assert httpx.post(f"{server.url}/v1/models/m:predict", json=BODY).status_code == 200
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.log)


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    write_version(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["serve", f"--model_base_path={tmp_path}", "--port=0", f"--rest_api_port={port}"])
    assert result.exit_code == 1
    assert f"Error: cannot listen on 127.0.0.1:{port}: " in result.output


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--port=0"], "nothing to serve on: give --port=8500 or --rest_api_port=8501"),
        (["--port=0", "--rest_api_port=0"], "nothing to serve on"),
        (["--port=8501", "--rest_api_port=8501"], "--port and --rest_api_port are both 8501"),
        (["--port=x"], "'x' is no port"),
        (["--rest_api_port=70000"], "'70000' is no port"),
        (["--rest_api_port=x"], "'x' is no port"),
        (["--rest_api_port=auto", "--warmup_batch_sizes=1,0"], "'1,0' is no list of batch sizes"),
        (["--rest_api_port=auto", "--enable_model_warmup=perhaps"], "perhaps"),
        (["--rest_api_port=auto", "--rest_api_timeout_in_ms=0"], "0 is not in the range"),
    ],
)
def test_wrong_flags_are_refused(tmp_path: Path, flags: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["serve", f"--model_base_path={tmp_path}", *flags])
    assert result.exit_code == 2
    assert message in result.output


def test_help_lists_the_commands() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert re.search(r"serve +Serve SavedModels", result.output)
    assert CliRunner().invoke(main, ["nothing"]).exit_code == 2


def test_the_log_is_one_line_a_record(tmp_path: Path) -> None:
    (write_version(tmp_path, 1) / "saved_model.pb").write_text("[]\n")
    with serving(tmp_path) as server:
        server.ready()
        assert server.end() == 0
    shape = re.compile(
        r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR) headrace\.[\w.]+ "[^"]+"( \w+=("([^"\\]|\\.)*"|[^ "=]+))*\n'
    )
    assert server.log
    assert [line for line in server.log if not shape.fullmatch(line)] == []
    assert any("traceback=" in line and "TypeError" in line for line in server.log)


def test_time_does_not_leak_between_requests(tmp_path: Path) -> None:
    """A request that runs over its time is answered 504 while others are served."""
    write_version(tmp_path, 1)
    with serving(tmp_path, "--rest_api_timeout_in_ms=200", "--rest_api_num_threads=2") as server:
        server.ready()
        slow = httpx.post(f"{server.url}/v1/models/m:predict", json={"signature_name": "slow", "inputs": [2.0]})
        assert (slow.status_code, slow.json()) == (504, {"error": "the request took longer than 0.2 s"})
        assert httpx.post(f"{server.url}/v1/models/m:predict", json=BODY).status_code == 200
        assert server.end() == 0
