"""The admin port of a server process, asked with curl."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.serving.process import Server, serving
from tests.serving.toy import wait_until, write_version


def admin_url(server: Server) -> str:
    """Where the server says that its admin API listens, which it does before its models are loaded."""
    found: list[str] = []

    def said() -> bool:
        found.extend(re.findall(r'"listening for administration" url=(\S+)', "".join(server.log)))
        return bool(found)

    wait_until(said, 120)
    return found[0]


def curl(*arguments: str) -> Any:
    result = subprocess.run(["curl", "-sS", "--max-time", "30", *arguments], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def test_a_server_that_waits_for_its_model_can_be_looked_at(tmp_path: Path) -> None:
    audit = tmp_path / "audit.jsonl"
    (tmp_path / "m").mkdir()
    with serving(tmp_path / "m", "--admin_port=auto", f"--audit_log_file={audit}") as server:
        url = admin_url(server)
        assert url.startswith("http://127.0.0.1:")
        content = curl(f"{url}/admin/v1/status")
        assert (content["server"]["ready"], content["models"]["m"]["versions"]) == (False, [])
        write_version(tmp_path / "m", 1, 2.0)
        server.ready()
        content = curl(f"{url}/admin/v1/status")
        assert (content["server"]["ready"], content["server"]["pid"]) == (True, server.process.pid)
        text = f'model_config_list {{ config {{ name: "m" base_path: "{tmp_path}/m" model_platform: "tensorflow" }} }}'
        answer = curl("-H", "Content-Type: text/plain", "--data-binary", text, f"{url}/admin/v1/models:reload")
        assert answer["models"]["m"]["change"] == "unchanged"
        refused = curl("--data-binary", text, f"{url}/admin/v1/models:reload")
        assert "application/x-www-form-urlencoded" in refused["error"]
        assert curl("-d", '{"instances": [[1, 2]]}', f"{url}/v1/models/m:predict") == {"predictions": [[2.0, 4.0]]}
        assert server.end() == 0
    assert [json.loads(line)["action"] for line in audit.read_text().splitlines()] == ["models.reload"]
    assert not any("Traceback" in line for line in server.log)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--admin_port=8600", "--rest_api_port=8600"], "--rest_api_port and --admin_port are both 8600"),
        (["--admin_port=70000"], "'70000' is no port"),
        (["--admin_port=auto", "--admin_host=203.0.113.1"], "cannot listen on 203.0.113.1:0"),
        (["--audit_log_file=/nowhere/audit"], "cannot write the audit log /nowhere/audit"),
    ],
)
def test_bad_flags(tmp_path: Path, flags: list[str], complaint: str) -> None:
    with serving(tmp_path, *flags) as server:
        assert server.wait() != 0
        assert complaint in "".join(server.log)
