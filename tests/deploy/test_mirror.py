"""The mirror's manifests and unit: valid, consistent, and their command lines start a mirror that answers what the probes ask."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from headrace.cli.k8s import k8s
from headrace.cli.systemd import systemd
from headrace.core.errors import InvalidArgumentError
from headrace.deploy.mirror import kubernetes
from headrace.deploy.mirror.kubernetes import MirrorDeployment, objects, render
from headrace.deploy.mirror.systemd import STATE, MirrorUnit
from headrace.deploy.mirror.systemd import render as render_unit
from headrace.monitoring import files
from tests.deploy.test_systemd import _analyze
from tests.interop.environments import ensure
from tests.interop.peer_runs import run_peer

OPTIONS = MirrorDeployment(
    "headrace-mirror", "registry.example/headrace-mirror:0.1.0", flags=("--upstream=http://127.0.0.1:9/simple/",)
)
ALL = replace(
    OPTIONS,
    tls_secret="cert",
    storage_class="fast",
    client_namespaces=("build", "ml"),
    monitor_labels=(("release", "prometheus"),),
    files=(("policy", "deny = []\n"), ("uploaders", "")),
)
HIGHEST_EXPOSURE = 1.7
"""Of 10, by systemd's own reckoning: what a mirror needs is the network and its folder."""


def _by_kind(options: MirrorDeployment) -> dict[str, Any]:
    return {str(each["kind"]): each for each in objects(options)}


@pytest.mark.interop
def test_the_schemas_of_kubernetes_take_them_and_see_mistakes(tmp_path: Path) -> None:
    texts = {"plain": render(OPTIONS), "all": render(ALL)}
    texts |= files.render_mirror(["operator"], files.Options(labels=["release=prometheus"]))
    texts["wrong"] = texts["plain"].replace("volumeClaimTemplates:", "volumeClaimTemplate:")
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    found = run_peer(ensure("kubernetes-validate"), "kubernetes_objects.py", "1.37", *(tmp_path / name for name in texts))
    assert found["plain"] == {kind: [] for kind in _by_kind(OPTIONS)}
    assert found["all"] == {kind: [] for kind in _by_kind(ALL)}
    assert found["operator.yml"] == {"PrometheusRule": [], "ConfigMap": []}
    assert {kind for kind, problems in found["wrong"].items() if problems} == {"StatefulSet"}


def test_everything_finds_the_pod_which_has_few_rights() -> None:
    found = _by_kind(ALL)
    spec = found["StatefulSet"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert len(found["NetworkPolicy"]["spec"]["ingress"][0]["from"]) == 2
    assert found["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items() <= found["Service"]["metadata"]["labels"].items()
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {volume["name"] for volume in pod["volumes"]} | {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert found["Secret"]["stringData"].keys() == {"policy.toml", "uploaders.toml"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["terminationGracePeriodSeconds"] > ALL.drain_seconds + 25
    assert {container[probe]["httpGet"]["scheme"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {"HTTPS"}


async def _started(arguments: list[str], paths: list[str]) -> list[int]:
    """The statuses that a mirror started with these arguments answers with; it ends by itself at SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "headrace", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 120)).decode()
        url = re.findall(r"on (http://\S+)/simple/", line)[0]
        statuses = []
        async with aiohttp.ClientSession() as session:
            for path in paths:
                async with session.get(f"{url}{path}") as answer:
                    statuses.append(answer.status)
            process.send_signal(signal.SIGTERM)
            async with session.get(f"{url}/readyz") as answer:
                while answer.status != 503:  # it drains, and still answers
                    answer = await session.get(f"{url}/readyz")
        assert await asyncio.wait_for(process.wait(), 60) == 0
        return statuses
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_the_command_line_starts_a_mirror_with_the_paths_that_are_asked(tmp_path: Path) -> None:
    options = replace(OPTIONS, files=(("policy", 'deny = ["bad-*"]\n'),), drain_seconds=2)
    (tmp_path / "policy.toml").write_text(options.files[0][1])
    found = _by_kind(options)
    (container,) = found["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    here = {kubernetes.ROOT: str(tmp_path / "root"), kubernetes.CONFIG: str(tmp_path), "0.0.0.0": "127.0.0.1", "=8466": "=0"}
    arguments = container["args"]
    for there, place in here.items():
        arguments = [argument.replace(there, place) for argument in arguments]
    paths = [container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    paths.append(found["ServiceMonitor"]["spec"]["endpoints"][0]["path"])
    assert asyncio.run(_started(arguments, [*paths, "/"])) == [200] * 5


@pytest.mark.interop
@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_systemd_takes_the_unit_and_finds_it_well_guarded(tmp_path: Path) -> None:
    path = tmp_path / "headrace-mirror.service"
    for unit in (MirrorUnit("/bin/sh", flags=("--upstream=x%y",)), MirrorUnit("/bin/sh", "/srv/mirror", "mirror", "2G")):
        path.write_text(render_unit(unit, 5.0))
        done = _analyze("verify", str(path))
        assert (done.returncode, done.stderr) == (0, "")
        done = _analyze("security", "--offline=true", str(path))
        found = re.search(r"exposure level for headrace-mirror\.service: ([0-9.]+)", done.stdout)
        assert found, done.stdout + done.stderr
        assert float(found[1]) <= HIGHEST_EXPOSURE, done.stdout


def test_the_commands_write_them(tmp_path: Path) -> None:
    flags = ["--", "--upstream=http://127.0.0.1:9/simple/", "--drain_seconds=7"]
    done = CliRunner().invoke(systemd, ["mirror", f"--out={tmp_path}", *flags])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "headrace-mirror.service").read_text()
    command = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
    assert command
    executable, *arguments = shlex.split(command[1])
    assert Path(executable).name == "headrace"
    assert arguments == ["mirror", "serve", f"--root={STATE}", *flags[1:]]
    assert "TimeoutStopSec=42" in text
    done = CliRunner().invoke(k8s, ["mirror", f"--image={OPTIONS.image}", *flags[:2]])
    assert done.exit_code == 0, done.output
    assert done.output == render(OPTIONS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Head"}, "the name is 'Head'"),
        ({"image": "a"}, "another one tomorrow"),
        ({"storage": "0"}, "storage is '0'"),
        ({"port": 80}, "expected 1024 to 65535"),
        ({"drain_seconds": 0}, "drain_seconds is 0"),
        ({"client_namespaces": ("A",)}, "a namespace is 'A'"),
        ({"files": (("policy", "x" * (1 << 20)),)}, "a Secret holds"),
        ({"files": (("uploaders", ""),)}, "over plain HTTP"),
        ({"flags": ("--root=/x",)}, "--root is decided"),
        ({"flags": ("x",)}, "is no flag of the mirror"),
    ],
)
def test_options_that_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        replace(OPTIONS, **change)


def test_units_that_are_refused() -> None:
    for unit, words in (({"root": "/srv/x"}, "needs a user"), ({"user": "A"}, "the user is"), ({"memory": "1 G"}, "the memory is")):
        with pytest.raises(InvalidArgumentError, match=words):
            MirrorUnit("/bin/headrace", **unit)
    assert "No such option" in CliRunner().invoke(systemd, ["mirror", "--", "--nonsense"]).output
