"""What `headrace-slim` takes from the project's own pyproject.toml, so that nothing of it is said twice."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

BASE = ("click", "rich")
"""What is left of the dependencies."""
EXTRAS: dict[str, tuple[str, ...]] = {"client": ("ml_dtypes", "numpy", "protobuf"), "mirror": (), "attestations": ()}
"""The extras that it has, and what they need of the dependencies that are left out."""
SAME = ("version", "requires-python", "license", "classifiers")


class SlimMetadata(MetadataHookInterface):
    """Fills in the project's metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Adds the fields that pyproject.toml calls dynamic."""
        project = tomllib.loads((Path(self.root).parents[1] / "pyproject.toml").read_text())["project"]
        core = {re.split(r"[^\w.-]", line, maxsplit=1)[0]: line for line in project["dependencies"]}
        metadata |= {key: project[key] for key in SAME}
        metadata["dependencies"] = [core[name] for name in BASE]
        extras = project["optional-dependencies"]
        metadata["optional-dependencies"] = {
            name: sorted([*extras[name], *(core[needed] for needed in more)]) for name, more in EXTRAS.items()
        }
