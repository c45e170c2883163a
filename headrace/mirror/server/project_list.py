"""The list of all projects, `/simple/`."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import IO

from aiohttp import web

from headrace.core.errors import UnavailableError
from headrace.mirror.index import negotiation
from headrace.mirror.index.names import matches
from headrace.mirror.index.packing import unpacked_file
from headrace.mirror.pages.local import LocalPages
from headrace.mirror.policy.judge import Judge
from headrace.mirror.policy.listing import listed_names
from headrace.mirror.policy.rules import Policy
from headrace.mirror.private.index import PrivateIndex
from headrace.mirror.projects.cache import ListCache
from headrace.mirror.projects.forms import Form, Forms, Listed
from headrace.mirror.projects.stored import StoredList
from headrace.mirror.server.access import Access
from headrace.mirror.server.conditions import is_known
from headrace.mirror.server.negotiated import media_type_of, page_headers
from headrace.mirror.upstream.client import Upstream

_PIECE_BYTES = 256 << 10
_TRIES = 3


class ProjectList:
    """Answers requests for the list: private names that the caller may know of, and upstreams' names, as the policy leaves them.

    Args:
        lists: upstreams' lists.
        forms: keeps what is made of them.
        private: the mirror's own index; None when there is none.
        local: projects that are here, and that upstreams are not asked about.
        access: says who may know of private names.
        judge: says which projects are given out.
    """

    def __init__(
        self,
        lists: ListCache,
        forms: Forms,
        private: PrivateIndex | None,
        local: Sequence[LocalPages],
        access: Access,
        judge: Judge,
    ) -> None:
        self._lists = lists
        self._forms = forms
        self._private = private
        self._local = list(local)
        self._access = access
        self._judge = judge
        self._making: dict[str, asyncio.Task[Form]] = {}

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [web.get("/simple", self._slash), web.get("/simple/", self._answer)]

    async def _slash(self, _: web.Request) -> web.StreamResponse:
        return web.Response(status=301, headers={"Location": "./simple/"})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        media_type, coding = media_type_of(request)
        own = await asyncio.to_thread(self._private.projects) if self._private is not None else []
        own = list(self._access.readable(request, own))
        own += [name for name in await asyncio.to_thread(self._here) if name not in own]
        for _ in range(_TRIES):
            found = [(upstream, await self._lists.get(upstream)) for upstream in self._lists.upstreams]
            try:
                form = await self._form(media_type, own, found)
                file = await asyncio.to_thread(self._open, form, coding)
            except FileNotFoundError:  # a newer list, or form, has just taken its place
                continue
            age = max((self._lists.age(each) for _, each in found), default=0.0)
            headers = page_headers(media_type, coding, form.etag, age, personal=self._access.is_personal)
            return await _send(request, file, form, coding, headers)
        raise UnavailableError("the list of projects changed again and again while it was made; ask again")

    async def _form(self, media_type: str, own: list[str], found: list[tuple[Upstream, StoredList]]) -> Form:
        policy = self._judge.policy
        lists = [(upstream.name, upstream.options.projects, each.digest, each.serial) for upstream, each in found]
        made_of = [media_type, own, lists, policy.allow, policy.deny]
        key = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]
        form = await asyncio.to_thread(self._forms.read, key)
        if form is not None:
            return form
        task = self._making.get(key)
        if task is None:
            serial = found[0][1].serial if len(found) == 1 else None
            make = functools.partial(self._forms.make, key, media_type, serial, self._projects(policy, own, found))
            task = self._making[key] = asyncio.create_task(asyncio.to_thread(make))
            task.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(task)

    def _here(self) -> list[str]:
        """Projects that are here, less those whose names are private."""
        names = sorted({name for local in self._local for name in local.projects()})
        return [name for name in names if self._private is None or not self._private.owns(name)]

    def _projects(self, policy: Policy, own: list[str], found: list[tuple[Upstream, StoredList]]) -> Iterator[Listed]:
        """What is listed. A project of several upstreams is that of the first, as its page is."""
        is_listed = listed_names(policy)
        for name in own:
            if is_listed(name):
                yield Listed(name, name, json.dumps({"name": name}))
        seen = set(own)
        for place, (upstream, stored) in enumerate(found):
            patterns = upstream.options.projects
            last = place == len(found) - 1
            for normal, name, entry in self._lists.files.lines(upstream.name, stored):
                if normal in seen or not matches(normal, patterns) or (self._private is not None and self._private.owns(normal)):
                    continue
                if not last:
                    seen.add(normal)
                if is_listed(normal):
                    yield Listed(normal, name, entry)

    def _open(self, form: Form, coding: str) -> IO[bytes]:
        if coding == negotiation.IDENTITY:
            return unpacked_file(self._forms.path(form, negotiation.GZIP))
        return self._forms.path(form, coding).open("rb")


async def _send(request: web.Request, file: IO[bytes], form: Form, coding: str, headers: dict[str, str]) -> web.StreamResponse:
    try:
        if is_known(request, headers["ETag"]):
            return web.Response(status=304, headers=headers)
        response = web.StreamResponse(headers=headers)
        size = form.size if coding == negotiation.IDENTITY else await asyncio.to_thread(file.seek, 0, 2)
        response.content_length = size
        await asyncio.to_thread(file.seek, 0)
        await response.prepare(request)
        if request.method != "HEAD":
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                await response.write(piece)
            await response.write_eof()
        return response
    finally:
        await asyncio.to_thread(file.close)
