"""REST over TLS, as a process."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.serving.certificates import Authority, Pair
from tests.serving.process import BODY, Server, serving
from tests.serving.test_grpc_options import write_config
from tests.serving.toy import write_version
from tests.serving.toy_v2 import binary, split


def ask(server: Server, folder: Path, authority: Authority, client: Pair | None = None) -> httpx.Response:
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    if client is not None:
        (folder / "client.pem").write_bytes(client.key + client.certificate)
        context.load_cert_chain(folder / "client.pem")
    with httpx.Client(verify=context) as session:
        return session.post(f"{server.url}/v1/models/m:predict", json=BODY)


def test_large_blocks_of_binary_data(tmp_path: Path) -> None:
    """What the V2 protocol sends without joining it comes through TLS whole."""
    authority = Authority()
    pair = authority.issue("server")
    config = write_config(tmp_path, server_key=pair.key, server_cert=pair.certificate)
    write_version(tmp_path / "m", 1, 2.0)
    values = np.arange(2 << 20, dtype=np.float32).reshape(-1, 2)
    tensor = {"name": "x", "datatype": "FP32", "shape": values.shape, "parameters": {"binary_data_size": values.nbytes}}
    request = binary({"parameters": {"binary_data_output": True}, "inputs": [tensor]}, values.tobytes())
    with serving(tmp_path / "m", f"--rest_api_ssl_config_file={config}") as server:
        server.ready()
        with httpx.Client(verify=ssl.create_default_context(cadata=authority.certificate.decode()), timeout=60) as session:
            for _ in range(2):
                _, blocks = split(session.post(f"{server.url}/v2/models/m/infer", **request))
                assert blocks == {"y": (2 * values).tobytes()}
        assert server.end() == 0


def test_clients_are_verified(tmp_path: Path) -> None:
    authority = Authority()
    pair = authority.issue("server")
    values = {"server_key": pair.key, "server_cert": pair.certificate, "custom_ca": authority.certificate}
    config = write_config(tmp_path, **values, client_verify=True)
    write_version(tmp_path / "m", 1, 2.0)
    with serving(tmp_path / "m", f"--rest_api_ssl_config_file={config}") as server:
        server.ready()
        assert server.url.startswith("https://")
        response = ask(server, tmp_path, authority, authority.issue("client"))
        assert (response.status_code, response.json()) == (200, {"predictions": [[2.0, 4.0]]})
        for trusted, client in [
            (authority, None),
            (authority, Authority().issue("stranger")),
            (Authority(), authority.issue("client")),
        ]:
            with pytest.raises(httpx.TransportError):
                ask(server, tmp_path, trusted, client)
        with pytest.raises(httpx.TransportError):
            httpx.post(f"{server.url.replace('https', 'http')}/v1/models/m:predict", json=BODY)
        assert server.end() == 0
    assert not any("Traceback" in line for line in server.log)
