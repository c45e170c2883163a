"""What imports have brought: one file says which pages count, and is replaced in one step.

bundles/published.json     by bundle: its version, and the digest of each project's page
bundles/pages/DIGEST.json  the pages; they never change
bundles/sbom/              lists of components
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from headrace.core import durable
from headrace.core.errors import DataLossError
from headrace.mirror.bundles.manifest import page_name
from headrace.mirror.bundles.pages import BundlePage, read_page
from headrace.mirror.index.page import Document
from headrace.mirror.offline.held import HeldSource
from headrace.mirror.offline.provenance import Provenance
from headrace.mirror.pages.stored import StoredPage
from headrace.store import digests

FOLDER = "bundles"
OWNER = "bundles"
"""Who keeps the files from making room for others."""
_FORMAT = 1
_MOST_PROJECTS = 1000


@dataclass(frozen=True, slots=True)
class PublishedPage:
    """A page that counts.

    Attributes:
        upstream: where it is from.
        sha256: of the file that holds it.
        created: when its bundle was made, in seconds since 1970.
    """

    upstream: str
    sha256: str
    created: int


@dataclass(frozen=True, slots=True)
class PublishedBundle:
    """The last import of a name.

    Attributes:
        version: of it.
        manifest: its sha256.
        created: in seconds since 1970.
        expires: in seconds since 1970.
        imported: in seconds since 1970.
        key: the id of the key that it was taken for.
        pages: by project; those of earlier versions too, where this one has none.
    """

    version: int
    manifest: str
    created: int
    expires: int
    imported: float
    key: str
    pages: Mapping[str, PublishedPage] = field(default_factory=dict)


class PublishedFiles:
    """The folder `bundles` of a mirror.

    Args:
        root: of the mirror.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        self._path = self.folder / "published.json"

    def read(self) -> dict[str, PublishedBundle]:
        """The bundles by name; none where nothing was ever imported.

        Raises:
            DataLossError: the file is damaged. It is not taken for an empty one, since older versions could be imported then.
        """
        try:
            found = json.loads(self._path.read_bytes())
            if found["format"] != _FORMAT:
                raise DataLossError(f"{self._path} has format {found['format']!r}; a newer headrace wrote it")
            return {name: _bundle(entry) for name, entry in found["bundles"].items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataLossError(f"{self._path} is damaged ({error}); put it back from a backup") from None

    def write(self, bundles: Mapping[str, PublishedBundle]) -> None:
        """Makes these bundles count, in one step."""
        found = {"format": _FORMAT, "bundles": {name: asdict(bundle) for name, bundle in sorted(bundles.items())}}
        durable.write(self._path, json.dumps(found, indent=1).encode())

    def state(self) -> tuple[int, int]:
        """Changes when `write` is called; zeros when it never was."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino

    def page_path(self, sha256: str) -> Path:
        """Where a page is, or would be."""
        return self.folder / "pages" / f"{digests.check(sha256)}.json"

    def page(self, project: str, published: PublishedPage) -> BundlePage:
        """A page.

        Raises:
            FileNotFoundError: another process has imported a newer one, and removed it.
            DataLossError: it is damaged.
        """
        path = self.page_path(published.sha256)
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != published.sha256:
            raise DataLossError(f"{path}, the page of {project}, is damaged; import its bundle again")
        return read_page(page_name(published.upstream, project), data)

    def contents(self) -> Iterator[str]:
        """The digests of all files that are published."""
        for bundle in self.read().values():
            for project, published in bundle.pages.items():
                yield from self.page(project, published).contents().values()


class PublishedPages:
    """The pages of imported bundles, for serving. See LocalPages. What several bundles bring of a project, from one upstream, is
    listed together.

    Args:
        files: has them.
    """

    def __init__(self, files: PublishedFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._state: tuple[int, int] | None = None
        self._bundles: dict[str, PublishedBundle] = {}
        self._known: OrderedDict[str, tuple[HeldSource, StoredPage]] = OrderedDict()

    def find(self, project: str) -> tuple[HeldSource, StoredPage] | None:
        """The page of a project; None when no bundle has brought it."""
        with self._lock:
            for _ in range(2):
                with contextlib.suppress(FileNotFoundError):  # an import has just replaced it
                    return self._find(project)
                self._state = None
        raise DataLossError(f"the page of {project} is missing under {self._files.folder}; import its bundle again")

    def may_have(self, project: str) -> bool:
        """False when the bundles that were read last still count, and have not brought a project."""
        return self._files.state() != self._state or any(project in bundle.pages for bundle in self._bundles.values())

    def projects(self) -> list[str]:
        """The projects that bundles have brought."""
        return sorted({project for bundle in self._files.read().values() for project in bundle.pages})

    def _find(self, project: str) -> tuple[HeldSource, StoredPage] | None:
        state = self._files.state()
        if state != self._state:
            self._bundles, self._state = self._files.read(), state
            self._known.clear()
        known = self._known.get(project)
        if known is None:
            published = [bundle.pages[project] for _, bundle in sorted(self._bundles.items()) if project in bundle.pages]
            if not published:
                return None
            known = self._known[project] = self._united(project, published)
            if len(self._known) > _MOST_PROJECTS:
                self._known.popitem(last=False)
        return known

    def _united(self, project: str, published: list[PublishedPage]) -> tuple[HeldSource, StoredPage]:
        """The newest page, with the files of the others that are from the same upstream."""
        published = sorted(published, key=lambda each: -each.created)
        pages = [self._files.page(project, each) for each in published]
        pages = [page for page in pages if page.upstream == pages[0].upstream]
        files: dict[str, Document] = {}
        versions: dict[str, None] = {}
        provenance: dict[str, Provenance] = {}
        for page in pages:
            files = {file["filename"]: file for file in page.document["files"]} | files
            versions |= dict.fromkeys(page.document.get("versions", ()))
            provenance = {**page.provenance, **provenance}
        document = {**pages[0].document, "files": list(files.values())}
        if "versions" in document:
            document["versions"] = list(versions)
        created = float(min(each.created for each in published))
        stored = StoredPage(document, "", pages[0].serial, created, created)
        return HeldSource(pages[0].upstream, provenance.get), stored


def _bundle(entry: dict[str, object]) -> PublishedBundle:
    pages = entry.pop("pages")
    if not isinstance(pages, dict):
        raise TypeError("pages are no table")
    return PublishedBundle(**entry, pages={project: PublishedPage(**page) for project, page in pages.items()})  # type: ignore[arg-type]
