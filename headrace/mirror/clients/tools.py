"""What each client is told, and where it reads that."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from headrace.core.errors import FailedPreconditionError, InvalidArgumentError
from headrace.mirror.clients.edits import Setting, sections, set_ini, set_lines, set_toml, unset


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror as its clients see it.

    Attributes:
        url: without a path for a protocol, such as `http://127.0.0.1:8466`.
        hub: it mirrors a hub of models too (`--hf_upstream`).
    """

    url: str
    hub: bool = False

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            sound = (
                parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.query and not parts.fragment
            )
        except ValueError:
            sound = False
        if not sound or any(ord(each) <= 32 or ord(each) > 126 or each in "\"'\\`$" for each in self.url):
            raise InvalidArgumentError(f"{self.url[:200]!r} is no URL of a mirror; expected such as http://mirror.example:8466")

    @property
    def base(self) -> str:
        """Without a slash at its end."""
        return urlunsplit(urlsplit(self.url)).rstrip("/")

    @property
    def index(self) -> str:
        """Of the Simple API."""
        return f"{self.base}/simple/"

    @property
    def host(self) -> str:
        """Name, and port where there is one."""
        return urlsplit(self.base).netloc.rpartition("@")[2]

    @property
    def is_plain(self) -> bool:
        """True for HTTP to another machine, which pip and Docker take only where they are told to trust it."""
        parts = urlsplit(self.base)
        return parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Tool:
    """A client.

    Attributes:
        name: of the client.
        title: what its settings are, for people.
        text: the settings as somebody would put them into an empty file.
        path: the file of this user, or of the project in a folder; None for a client whose settings are only shown.
        change: puts them into the text of a file that may be there.
        back: takes them out again.
    """

    name: str
    title: str
    text: Callable[[Mirror], str]
    path: Callable[[Path], Path] | None = None
    change: Callable[[str, Mirror], str] | None = None
    back: Callable[[str], str] = unset


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _pip_path(_: Path) -> Path:
    named = os.environ.get("PIP_CONFIG_FILE", "")
    if named and named != os.devnull:
        return Path(named)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / "pip" / "pip.ini"
    return _config_home() / "pip" / "pip.conf"


def _pip(text: str, mirror: Mirror) -> str:
    for section, keys in sections(unset(text)).items():
        if section != "global" and "index-url" in keys:
            raise FailedPreconditionError(
                f"[{section}] has an index-url, which outweighs that of [global], and is not changed here; take it out"
            )
    settings = [Setting("global", "index-url", mirror.index)]
    if mirror.is_plain:
        settings.append(Setting("global", "trusted-host", mirror.host))
    return set_ini(text, settings)


def _uv_block(mirror: Mirror, table: str = "") -> str:
    return f'[[{table}index]]\nname = "headrace"\nurl = "{mirror.index}"\ndefault = true\n'


def _uv_owned(document: dict[str, object]) -> str:
    indexes = document.get("index", [])
    if isinstance(indexes, list) and any(isinstance(each, dict) and each.get("default") for each in indexes):
        return "an [[index]] that is the default one"
    pip = document.get("pip", {})
    found = next((key for key in ("index-url",) if key in document), "")
    return found or ("pip.index-url" if isinstance(pip, dict) and "index-url" in pip else "")


def _project_owned(document: dict[str, object]) -> str:
    tool = document.get("tool", {})
    uv = tool.get("uv", {}) if isinstance(tool, dict) else {}
    found = _uv_owned(uv) if isinstance(uv, dict) else "tool.uv"
    return f"{found} in [tool.uv]" if found else ""


def _poetry_text(mirror: Mirror) -> str:
    return f'[[tool.poetry.source]]\nname = "headrace"\nurl = "{mirror.index}"\npriority = "primary"\n'


def _poetry_owned(document: dict[str, object]) -> str:
    tool = document.get("tool", {})
    poetry = tool.get("poetry", {}) if isinstance(tool, dict) else {}
    sources = poetry.get("source", []) if isinstance(poetry, dict) else []
    primary = isinstance(sources, list) and any(
        isinstance(each, dict) and each.get("priority", "primary") in ("primary", "default") for each in sources
    )
    return "a [[tool.poetry.source]] that is the primary one" if primary else ""


def _pdm_text(mirror: Mirror) -> str:
    verify = "false" if mirror.is_plain else "true"
    return f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{mirror.index}"\nverify_ssl = {verify}\n'


def _pdm_owned(document: dict[str, object]) -> str:
    tool = document.get("tool", {})
    pdm = tool.get("pdm", {}) if isinstance(tool, dict) else {}
    sources = pdm.get("source", []) if isinstance(pdm, dict) else []
    named = isinstance(sources, list) and any(isinstance(each, dict) and each.get("name") == "pypi" for each in sources)
    return 'a [[tool.pdm.source]] called "pypi"' if named else ""


def variables(mirror: Mirror) -> Mapping[str, str]:
    """The environment variables that pip, uv and huggingface_hub read."""
    trusted = {"PIP_TRUSTED_HOST": mirror.host} if mirror.is_plain else {}
    models = {"HF_ENDPOINT": f"{mirror.base}/hf"} if mirror.hub else {}
    return {"PIP_INDEX_URL": mirror.index, **trusted, "UV_DEFAULT_INDEX": mirror.index, **models}


def _shell(mirror: Mirror) -> str:
    return "".join(f"export {name}={value}\n" for name, value in variables(mirror).items())


def _github(mirror: Mirror) -> str:
    return "env:\n" + "".join(f"  {name}: {json.dumps(value)}\n" for name, value in variables(mirror).items())


def _gitlab(mirror: Mirror) -> str:
    return "variables:\n" + "".join(f"  {name}: {json.dumps(value)}\n" for name, value in variables(mirror).items())


def _docker(mirror: Mirror) -> str:
    given = " ".join(f"--build-arg {name}={value}" for name, value in variables(mirror).items())
    declared = "".join(f"ARG {name}\n" for name in variables(mirror))
    first = "# In the Dockerfile, before the first RUN that installs; an ARG is an environment variable of what RUN starts:\n"
    return f"{first}{declared}# docker build {given} .\n"


def _conda(mirror: Mirror) -> str:
    return (
        "# conda's own channels are not mirrored; what it installs by pip in an environment comes from the mirror:\n"
        f"conda env config vars set {' '.join(f'{name}={value}' for name, value in variables(mirror).items())}\n"
    )


TOOLS = {
    each.name: each
    for each in (
        Tool("pip", "pip, for this user", lambda mirror: _pip("", mirror), _pip_path, _pip),
        Tool(
            "uv",
            "uv, for this user",
            _uv_block,
            lambda _: _config_home() / "uv" / "uv.toml",
            lambda text, mirror: set_toml(text, _uv_block(mirror), _uv_owned),
        ),
        Tool(
            "uv-project",
            "uv, for the project in this folder",
            lambda mirror: _uv_block(mirror, "tool.uv."),
            lambda folder: folder / "pyproject.toml",
            lambda text, mirror: set_toml(text, _uv_block(mirror, "tool.uv."), _project_owned),
        ),
        Tool(
            "poetry",
            "Poetry, for the project in this folder",
            _poetry_text,
            lambda folder: folder / "pyproject.toml",
            lambda text, mirror: set_toml(text, _poetry_text(mirror), _poetry_owned),
        ),
        Tool(
            "pdm",
            "PDM, for the project in this folder",
            _pdm_text,
            lambda folder: folder / "pyproject.toml",
            lambda text, mirror: set_toml(text, _pdm_text(mirror), _pdm_owned),
        ),
        Tool(
            "shell",
            "environment variables, for this user's login shell",
            _shell,
            lambda _: Path.home() / ".profile",
            lambda text, mirror: set_lines(text, _shell(mirror)),
        ),
        Tool("github", "GitHub Actions: in the workflow", _github),
        Tool("gitlab", "GitLab: in .gitlab-ci.yml", _gitlab),
        Tool("docker", "Docker: while an image is built", _docker),
        Tool("conda", "conda: pip in an environment", _conda),
    )
}
"""All clients by name."""


def tool_of(name: str) -> Tool:
    """A client whose file can be written.

    Raises:
        FailedPreconditionError: its settings are only shown.
    """
    tool = TOOLS[name]
    if tool.path is None or tool.change is None:
        raise FailedPreconditionError(f"the settings of {name} are shown only: where they belong is not to be told from here")
    return tool
