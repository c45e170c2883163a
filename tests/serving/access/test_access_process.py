"""A server process that knows its callers: certificates over both protocols, curl, and a configuration that changes."""

from __future__ import annotations

import json
import ssl
import subprocess
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from tests.serving.access.people import TEXT, TOKENS, bearer
from tests.serving.admin.test_admin_process import admin_url
from tests.serving.certificates import Authority, Pair
from tests.serving.process import BODY, Server, running, serving
from tests.serving.test_grpc_options import write_config
from tests.serving.toy import wait_until, write_version
from tests.serving.toy_grpc import Client, outputs, predict_request

REQUEST = predict_request(x=np.ones((1, 2), np.float32))


def write(path: Path, text: str) -> None:
    """Replaces a file in one step."""
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


def curl(server: Server, path: str, *arguments: str) -> tuple[int, Any]:
    command = ["curl", "-sS", "--max-time", "30", "-w", "\n%{http_code}", *arguments, f"{server.url}{path}"]
    body, _, status = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_the_configuration_changes_under_way(tmp_path: Path) -> None:
    write_version(tmp_path / "m", 1, 2.0)
    config, audit = tmp_path / "access.toml", tmp_path / "audit.jsonl"
    config.write_text(TEXT)
    flags = [f"--access_config_file={config}", "--port=auto", "--admin_port=auto", f"--audit_log_file={audit}"]
    with serving(tmp_path / "m", *flags) as server:
        server.ready()
        admin = admin_url(server)
        token = f"Authorization: Bearer {TOKENS['risk']}"
        ask = ("/v1/models/m:predict", "-d", json.dumps(BODY))
        assert curl(server, *ask)[0] == 401
        assert curl(server, *ask, "-H", token) == (200, {"predictions": [[2.0, 4.0]]})
        assert curl(server, "/readyz")[0] == 200
        client = Client(server.grpc)
        assert client.refusal("Predict", REQUEST)[0] == "UNAUTHENTICATED"
        call = client.method("Predict")
        assert outputs(call(REQUEST, timeout=60, metadata=tuple(bearer("risk").items()))) == {"y": [[2, 2]]}
        assert httpx.get(f"{admin}/admin/v1/status", headers=bearer("risk")).status_code == 403
        assert httpx.get(f"{admin}/admin/v1/status", headers=bearer("ops")).status_code == 200

        write(config, TEXT.replace("[callers.risk]", "[callers.risk]\nbogus = 1"))
        wait_until(lambda: any("the access configuration is not applied" in line for line in server.log))
        assert curl(server, *ask, "-H", token)[0] == 200

        write(config, TEXT.replace('models = ["m", "risk-*"]', 'models = ["risk-*"]'))
        wait_until(lambda: curl(server, *ask, "-H", token)[0] == 403)
        with pytest.raises(grpc.RpcError) as caught:
            call(REQUEST, timeout=60, metadata=tuple(bearer("risk").items()))
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED  # type: ignore[attr-defined]

        write(config, TEXT[: TEXT.index("[callers.risk]")] + TEXT[TEXT.index("[callers.other]") :])
        wait_until(lambda: curl(server, *ask, "-H", token)[0] == 401)
        config.unlink()
        wait_until(lambda: any("cannot read" in line for line in server.log))
        assert curl(server, *ask, "-H", token)[0] == 401
        client.close()
        assert server.end() == 0
    everything = "".join(server.log) + audit.read_text()
    assert not any(secret in everything for secret in TOKENS.values())
    changes = [line for line in map(json.loads, audit.read_text().splitlines()) if line["action"] == "access.put"]
    assert [line["outcome"] for line in changes] == ["INVALID_ARGUMENT", "OK", "OK", "NOT_FOUND"]
    assert changes[2]["details"] == {"added": [], "removed": ["risk"]}
    assert "bogus" in changes[0]["details"]["error"]


def test_client_certificates_over_both_protocols(tmp_path: Path) -> None:
    write_version(tmp_path / "m", 1, 2.0)
    (tmp_path / "access.toml").write_text(TEXT)
    authority = Authority()
    pair = authority.issue("server")
    values = {"server_key": pair.key, "server_cert": pair.certificate, "custom_ca": authority.certificate}
    tls = write_config(tmp_path, **values, client_verify=True)
    flags = [f"--access_config_file={tmp_path}/access.toml", f"--rest_api_ssl_config_file={tls}", f"--ssl_config_file={tls}"]
    people = {name: authority.issue(f"{name}.bank.example") for name in ("risk", "stranger")}
    with serving(tmp_path / "m", "--port=auto", *flags) as server:
        server.ready()
        assert {name: rest(server, tmp_path, authority, person) for name, person in people.items()} == {
            "risk": 200,
            "stranger": 401,
        }
        for name, person in people.items():
            keys = {"private_key": person.key, "certificate_chain": person.certificate}
            client = Client(server.grpc, grpc.ssl_channel_credentials(authority.certificate, **keys))
            if name == "risk":
                assert outputs(client.call("Predict", REQUEST)) == {"y": [[2, 2]]}
            else:
                assert client.refusal("Predict", REQUEST)[0] == "UNAUTHENTICATED"
            client.close()
        assert server.end() == 0


def rest(server: Server, folder: Path, authority: Authority, person: Pair) -> int:
    """The status of a request over HTTPS."""
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    (folder / "client.pem").write_bytes(person.key + person.certificate)
    context.load_cert_chain(folder / "client.pem")
    with httpx.Client(verify=context) as session:
        codes = {session.post(f"{server.url}/v1/models/m:predict", json=BODY).status_code for _ in range(2)}
    (code,) = codes
    return code


def test_a_bad_configuration_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "access.toml").write_text("[callers.a]\nroles = 3\n")
    with running(f"--model_base_path={tmp_path}", f"--access_config_file={tmp_path}/access.toml") as server:
        assert server.wait() != 0
        log = "".join(server.log)
        assert "callers.a.roles: expected a list of strings" in log
        assert "callers.a: expected token_sha256 or certificates" in log
