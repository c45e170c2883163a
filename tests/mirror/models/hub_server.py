"""A hub of Hugging Face's protocol, whose faults can be switched on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from yarl import URL

PAGE = 3
"""Entries of a page of a tree."""


def git_oid(content: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that look random."""
    return b"".join(hashlib.sha256(b"%d-%d" % (seed, n)).digest() for n in range(-(-size // 32)))[:size]


@dataclass
class Repo:
    """A repository: its commits by their id, and what branches name. `access` is "", "gated" or "private"."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    large: set[str] = field(default_factory=set)
    access: str = ""
    tags: tuple[str, ...] = ()


@dataclass
class HubServer:
    """The hub. Large files are on another host, which it redirects to, and which keeps what it is sent.

    Attributes:
        url: of the hub, once it runs.
        repos: by `models/OWNER/NAME` and so on.
        token: opens gated and private repositories.
        down: answers 503.
        corrupt: changes a byte of every file.
        tree_change: is made to each page of a tree before it is sent.
        link: stands in the Link header of trees in place of the next page's URL.
        asked: counts requests by method and path.
        storage_headers: of each request to the other host.
    """

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    token: str = "hf_secret"
    down: bool = False
    corrupt: bool = False
    tree_change: Any = None
    link: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)
    storage_headers: list[dict[str, str]] = field(default_factory=list)

    def commit(self, name: str, files: dict[str, bytes], large: tuple[str, ...] = (), branch: str = "main", **more: Any) -> str:
        """Makes a commit and moves a branch to it; its id."""
        repo = self.repos.setdefault(name if "s/" in name else f"models/{name}", Repo(**more))
        listed = json.dumps([[path, git_oid(content)] for path, content in sorted(files.items())])
        sha = hashlib.sha1(f"{branch}{len(repo.commits)}{listed}".encode()).hexdigest()
        repo.commits[sha] = files
        repo.branches[branch] = sha
        repo.large |= set(large)
        return sha

    def total(self, part: str) -> int:
        """How many requests had this in their path."""
        return sum(count for asked, count in self.asked.items() if part in asked)

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._seen])
        name = "{kind:models|datasets|spaces}/{owner}/{name}"
        app.router.add_get(f"/api/{name}/revision/{{revision}}", self._info)
        app.router.add_get(f"/api/{name}/tree/{{revision}}", self._tree)
        app.router.add_get(f"/api/{name}/tree/{{revision}}/{{folder:.+}}", self._tree)
        app.router.add_get("/{kind:datasets|spaces}/{owner}/{name}/resolve/{revision}/{path:.+}", self._resolve)
        app.router.add_get("/{owner}/{name}/resolve/{revision}/{path:.+}", self._resolve)
        storage = web.Application()
        storage.router.add_get("/{digest}", self._stored)
        self._runners = []
        for each in (app, storage):
            runner = web.AppRunner(each, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._runners.append(runner)
        self.url, self._storage = (f"http://127.0.0.1:{runner.addresses[0][1]}" for runner in self._runners)
        return self

    async def __aexit__(self, *_: object) -> None:
        for runner in self._runners:
            await runner.cleanup()

    @web.middleware
    async def _seen(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked[f"{request.method} {request.path}"] += 1
        self.headers.append(dict(request.headers))
        return web.Response(status=503) if self.down else await handler(request)

    def _open(self, request: web.Request, file: bool = False) -> tuple[Repo, str, dict[str, bytes]]:
        info = request.match_info
        repo = self.repos.get(f"{info.get('kind', 'models')}/{info['owner']}/{info['name']}")
        known = request.headers.get("Authorization") == f"Bearer {self.token}"
        if repo is None or (repo.access == "private" and not known):
            if not known:
                raise web.HTTPUnauthorized(headers={"X-Error-Message": "Invalid username or password."})
            raise web.HTTPNotFound(headers={"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        if file and repo.access == "gated" and not known:
            text = f"Access to model {info['owner']}/{info['name']} is restricted. You must have access to it."
            raise web.HTTPUnauthorized(headers={"X-Error-Code": "GatedRepo", "X-Error-Message": text})
        sha = repo.branches.get(info["revision"], info["revision"])
        if sha not in repo.commits:
            raise web.HTTPNotFound(headers={"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
        return repo, sha, repo.commits[sha]

    async def _info(self, request: web.Request) -> web.StreamResponse:
        repo, sha, files = self._open(request)
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        document = {
            "_id": "1",
            "id": name,
            "modelId": name,
            "sha": sha,
            "private": repo.access == "private",
            "gated": "auto" if repo.access == "gated" else False,
            "tags": list(repo.tags),
            "xetEnabled": True,
            "siblings": [{"rfilename": path, "size": len(files[path]), "blobId": git_oid(files[path])} for path in sorted(files)],
        }
        return web.json_response(document)

    def _item(self, repo: Repo, path: str, content: bytes) -> dict[str, Any]:
        item: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
        if path in repo.large:
            digest = hashlib.sha256(content).hexdigest()
            item |= {"oid": git_oid(digest.encode()), "lfs": {"oid": digest, "size": len(content), "pointerSize": 134}}
            item["xetHash"] = digest
        return item

    async def _tree(self, request: web.Request) -> web.StreamResponse:
        repo, sha, files = self._open(request)
        folder = request.match_info.get("folder", "")
        start = f"{folder}/" if folder else ""
        below = [path for path in sorted(files) if path.startswith(start)]
        if folder and not below:
            raise web.HTTPNotFound(headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha})
        found = {}
        for path in below:
            parts = path.split("/")
            for depth in range(1, len(parts)):
                parent = "/".join(parts[:depth])
                if parent.startswith(start) and parent != folder:
                    found[parent] = {"type": "directory", "path": parent, "size": 0, "oid": git_oid(parent.encode())}
            found[path] = self._item(repo, path, files[path])
        if request.query["recursive"] == "false":
            found = {path: item for path, item in found.items() if "/" not in path[len(start) :]}
        cursor = int(request.query.get("cursor", "0"))
        page, rest = list(found.values())[cursor : cursor + PAGE], len(found) > cursor + PAGE
        headers = {}
        if rest or self.link:
            following = (URL(self.url) / request.path.lstrip("/")).update_query({**request.query, "cursor": cursor + PAGE})
            url = self.link or str(following)
            headers["Link"] = f'<{url}>; rel="next"'
        if self.tree_change is not None:
            page = self.tree_change(page)
        text = page if isinstance(page, str) else json.dumps(page)
        return web.Response(text=text, content_type="application/json", headers=headers)

    def _sent(self, content: bytes) -> bytes:
        return content[:-1] + bytes([content[-1] ^ 1]) if self.corrupt and content else content

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        repo, sha, files = self._open(request, file=True)
        path = request.match_info["path"]
        if path not in files:
            raise web.HTTPNotFound(headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha})
        if path in repo.large:
            digest = hashlib.sha256(files[path]).hexdigest()
            return web.Response(status=302, headers={"Location": f"{self._storage}/{digest}", "X-Xet-Hash": digest})
        return web.Response(body=self._sent(files[path]), headers={"ETag": f'"{git_oid(files[path])}"', "X-Repo-Commit": sha})

    async def _stored(self, request: web.Request) -> web.StreamResponse:
        self.asked[f"GET {request.path}"] += 1
        self.storage_headers.append(dict(request.headers))
        if self.down:
            return web.Response(status=503)
        for repo in self.repos.values():
            for files in repo.commits.values():
                for content in files.values():
                    if hashlib.sha256(content).hexdigest() == request.match_info["digest"]:
                        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
                        body, size = self._sent(content)[start:], len(content)
                        headers = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
                        return web.Response(status=206 if start else 200, body=body, headers=headers)
        return web.Response(status=404)
