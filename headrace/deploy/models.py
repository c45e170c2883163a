"""The models that a deployed server gets, as the text of TensorFlow Serving's ModelServerConfig."""

from __future__ import annotations

import re
from collections.abc import Sequence

from headrace.core.errors import InvalidArgumentError

MAX_BYTES = (1 << 20) - 4096
"""Of the list and other files: what a ConfigMap holds, less what the rest of the object takes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_FOLDER = re.compile(r"[A-Za-z0-9_+@-][A-Za-z0-9_.+@-]*(/[A-Za-z0-9_+@-][A-Za-z0-9_.+@-]*)*")


def model_list(models: Sequence[str], root: str) -> str:
    """The text of a list of models whose newest version is served.

    Args:
        models: each `NAME`, or `NAME=FOLDER` where the folder is called otherwise.
        root: the absolute path of what holds the folders.

    Raises:
        InvalidArgumentError: there is none, one is named twice, or a name or folder has characters that are not for it.
    """
    if not models:
        raise InvalidArgumentError("no model to serve: give --model=NAME, or --model_config_file")
    entries: dict[str, str] = {}
    for model in models:
        name, _, folder = model.partition("=")
        folder = folder or name
        if not _NAME.fullmatch(name):
            raise InvalidArgumentError(f"the model is called {name!r}; expected letters, digits and -_., at most 100")
        if not _FOLDER.fullmatch(folder):
            raise InvalidArgumentError(
                f"the folder of model {name} is {folder!r}; expected a path below {root}, without hidden parts"
            )
        if name in entries:
            raise InvalidArgumentError(f"model {name} is given twice; give each a name of its own")
        entries[name] = f'  config {{ name: "{name}" base_path: "{root}/{folder}" model_platform: "tensorflow" }}\n'
    return "model_config_list {\n" + "".join(entries.values()) + "}\n"


def checked_list(text: str) -> str:
    """A list that was written by hand.

    Raises:
        InvalidArgumentError: it is empty.
    """
    if not text.strip():
        raise InvalidArgumentError("the list of models is empty; expected the text of a ModelServerConfig")
    return text
