"""The models that were published on this mirror. A version stands for one content, for good.

published/acme%2Fdigits/3.json     what version 3 of acme/digits consists of; the files are blobs of the store
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from headrace.core import durable
from headrace.core.errors import AlreadyExistsError, DataLossError, FailedPreconditionError, InvalidArgumentError
from headrace.modelpack.files import ModelFile, check_files
from headrace.modelpack.names import LATEST, check_name, check_version, highest, order
from headrace.store.blobs import BlobStore
from headrace.store.index import BlobIndex

OWNER = "published"
"""Who keeps the files of models in the store."""


@dataclass(frozen=True, slots=True)
class Model:
    """A version of a model.

    Attributes:
        name: such as `acme/digits`.
        version: such as `3`.
        files: by path, in order.
        created: when it was published, in seconds since 1970.
        manifest: the digest of the OCI manifest it was published with, which is in the store; "" for none.
    """

    name: str
    version: str
    files: tuple[ModelFile, ...]
    created: float
    manifest: str = ""


class Published:
    """The models published here. Several processes may share the folder.

    Args:
        root: the mirror's folder.
        store: has the files.
        index: keeps them from making room for others.
        clock: seconds since 1970.
    """

    def __init__(self, root: Path, store: BlobStore, index: BlobIndex, clock: Callable[[], float] = time.time) -> None:
        self._folder = root / "published"
        self._store = store
        self._index = index
        self._clock = clock
        self._known: dict[tuple[str, str], Model] = {}

    def models(self) -> list[str]:
        """The names, in order."""
        return sorted(unquote(path.name) for path in self._folder.glob("[!.]*") if path.is_dir() and any(path.glob("[!.]*.json")))

    def versions(self, name: str) -> list[str]:
        """The versions of a model, from the lowest to the highest; none of an unknown one.

        Raises:
            InvalidArgumentError: it can be no name.
        """
        found = [path.name.removesuffix(".json") for path in self._of(name).glob("[!.]*.json")]
        return sorted(found, key=lambda each: (order(each), each))

    def get(self, name: str, version: str) -> Model | None:
        """A version of a model, or the highest for `latest`; None where there is none.

        Raises:
            InvalidArgumentError: it can be no name or version.
            DataLossError: what is kept of it is damaged.
        """
        if version == LATEST:
            newest = highest(self.versions(name))
            return self.get(name, newest) if newest is not None else None
        known = self._known.get((name, version))
        if known is None:
            path = self._path(name, version)
            try:
                known = _read(json.loads(path.read_bytes()))
            except FileNotFoundError:
                return None
            except (ValueError, TypeError, KeyError) as error:
                raise DataLossError(f"{path} is damaged: {error!r}; publish {name}:{version} again after removing it") from None
            self._known[name, version] = known
        return known

    def publish(self, name: str, version: str, files: Iterable[ModelFile], manifest: str = "") -> bool:
        """Makes a version of a model out of files that are in the store.

        Args:
            name: of the model.
            version: another one than `latest`.
            files: all of them.
            manifest: the digest of an OCI manifest in the store that describes it; "" for none.

        Returns:
            False when it was published already, the same.

        Raises:
            InvalidArgumentError: a name, version or path cannot be one.
            AlreadyExistsError: the version is there with another content.
            FailedPreconditionError: a file is not in the store, or has another size there.
        """
        check_name(name)
        if check_version(version) == LATEST:
            raise InvalidArgumentError(f"{LATEST!r} is no version to publish; it always is the highest one. Give a number")
        model = Model(name, version, check_files(files), self._clock(), manifest)
        with self._locked(name):
            there = self.get(name, version)
            if there is not None:
                if there.files == model.files and manifest in ("", there.manifest):
                    return False
                raise AlreadyExistsError(
                    f"{name}:{version} is here with another content, and a version stands for one content; publish it as the next"
                )
            self._check(model)
            self._index.pin({each.digest for each in model.files} | ({manifest} if manifest else set()), OWNER)
            self._check(model)  # again: until it was pinned, a file could make room for others
            self._folder.joinpath(quote(name, safe="")).mkdir(parents=True, exist_ok=True)
            durable.write(self._path(name, version), json.dumps(asdict(model), indent=1).encode())
        return True

    def _check(self, model: Model) -> None:
        for file in model.files:
            try:
                size = self._store.path(file.digest).stat().st_size
            except FileNotFoundError:
                raise FailedPreconditionError(
                    f"{file.path!r} of {model.name}:{model.version} is not here; upload it first"
                ) from None
            if size != file.size:
                raise FailedPreconditionError(f"{file.path!r} of {model.name}:{model.version} has {size} bytes, not {file.size}")
            self._index.add(file.digest, size)
        if model.manifest and model.manifest not in self._store:
            raise FailedPreconditionError(f"the manifest of {model.name}:{model.version} is not here; upload it first")

    def _of(self, name: str) -> Path:
        return self._folder / quote(check_name(name), safe="")

    def _path(self, name: str, version: str) -> Path:
        return self._of(name) / f"{check_version(version)}.json"

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Keeps other processes from publishing versions of this model."""
        locks = self._folder / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / quote(name, safe="")).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _read(document: dict[str, Any]) -> Model:
    files = tuple(ModelFile(str(each["path"]), str(each["digest"]), int(each["size"])) for each in document["files"])
    return Model(
        str(document["name"]), str(document["version"]), files, float(document["created"]), str(document.get("manifest", ""))
    )
