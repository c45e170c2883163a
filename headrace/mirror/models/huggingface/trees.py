"""The files of commits, which never change: asked for once, the whole tree or one folder."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

from headrace.mirror.models.huggingface.errors import ENTRY, HubNotFoundError
from headrace.mirror.models.huggingface.hub import Hub
from headrace.mirror.models.huggingface.kept import Items, Kept
from headrace.mirror.models.huggingface.listing import Entry, entry
from headrace.mirror.models.huggingface.names import Repository
from headrace.mirror.models.together import Together

_MOST = 64
_Key = tuple[Repository, str, str | None]
_Tree = dict[str, dict[str, Any]]
"""Items by their path."""


class Trees:
    """The trees of commits. Used in one event loop; several processes may share the files.

    Args:
        hub: is asked.
        kept: keeps them.
    """

    def __init__(self, hub: Hub, kept: Kept) -> None:
        self._hub = hub
        self._kept = kept
        self._known: OrderedDict[_Key, _Tree] = OrderedDict()
        self._asking: Together[_Tree] = Together()

    async def items(self, repository: Repository, commit: str, folder: str, recursive: bool) -> Items:
        """The files and folders in a folder, "" for the topmost.

        Raises:
            HubNotFoundError: there is no such folder.
            HubError, DataLossError, UnavailableError, PermissionDeniedError, ResourceExhaustedError: see Hub.tree.
        """
        whole = await self._recall((repository, commit, None))
        if whole is None and recursive:
            whole = await self._get((repository, commit, None))
        if whole is None:
            found = await self._get((repository, commit, folder))
            if folder and not found:
                raise self._no_folder(repository, commit, folder)
            return list(found.values())
        start = f"{folder}/" if folder else ""
        inside = {path: item for path, item in whole.items() if path.startswith(start)}
        if folder and not inside:
            raise self._no_folder(repository, commit, folder)
        return [item for path, item in inside.items() if recursive or "/" not in path[len(start) :]]

    async def find(self, repository: Repository, commit: str, path: str) -> Entry:
        """A file. Of the trees that are not known, only that of its folder is asked for; raises as `items` does."""
        tree = await self._recall((repository, commit, None))
        if tree is None:
            tree = await self._get((repository, commit, path.rpartition("/")[0]))
        item = tree.get(path)
        if item is None or item["type"] != "file":
            raise HubNotFoundError(f"{repository.files_path} has no file {path!r} at {commit}", ENTRY, commit)
        return entry(item, f"the tree of {repository.files_path} at {commit}")

    async def close(self) -> None:
        """Ends what is at work."""
        await self._asking.close()

    def _no_folder(self, repository: Repository, commit: str, folder: str) -> HubNotFoundError:
        return HubNotFoundError(f"{repository.files_path} has no folder {folder!r} at {commit}", ENTRY, commit)

    async def _get(self, key: _Key) -> _Tree:
        known = await self._recall(key)
        return known if known is not None else await self._asking.result(key, lambda: self._ask(key))

    async def _recall(self, key: _Key) -> _Tree | None:
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        items = await asyncio.to_thread(self._kept.tree, *key)
        return self._remember(key, items) if items is not None else None

    def _remember(self, key: _Key, items: Items) -> _Tree:
        tree = {item["path"]: item for item in items}
        self._known[key] = tree
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return tree

    async def _ask(self, key: _Key) -> _Tree:
        repository, commit, folder = key
        try:
            items = await self._hub.tree(repository, commit, folder or "", recursive=folder is None)
        except HubNotFoundError as error:
            if not folder or error.hub_code not in (ENTRY, ""):
                raise
            items = []  # libraries ask for folders that hardly any repository has, each time
        await asyncio.to_thread(self._kept.keep_tree, repository, commit, folder, items)
        return self._remember(key, items)
