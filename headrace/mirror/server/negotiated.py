"""What pages and the list of projects have in common: their form, how they are packed, and their headers."""

from __future__ import annotations

from aiohttp import web

from headrace.mirror.index import negotiation


def media_type_of(request: web.Request) -> tuple[str, str]:
    """The media type and the coding that a client gets.

    Raises:
        HTTPNotAcceptable: it accepts none of those that there are.
    """
    media_type = negotiation.choose(", ".join(request.headers.getall("Accept", [])), request.query.get("format", ""))
    coding = negotiation.coding(", ".join(request.headers.getall("Accept-Encoding", [])))
    if media_type is None or coding is None:
        header = "Accept header or format parameter" if media_type is None else "Accept-Encoding header"
        raise web.HTTPNotAcceptable(text=f"no form of the page suits the request's {header}\n", headers={"Vary": _vary(False)})
    return media_type, coding


def page_headers(media_type: str, coding: str, etag: str, age: float, personal: bool) -> dict[str, str]:
    """The headers of a page.

    Args:
        media_type: its form.
        coding: how it is packed.
        etag: of its bytes before they are packed, without quotes.
        age: in seconds since upstream was asked.
        personal: others may get another page, so no shared cache may keep it.
    """
    suffix = "" if coding == negotiation.IDENTITY else f"-{coding}"
    headers = {
        "Content-Type": media_type if "html" not in media_type else f"{media_type}; charset=utf-8",
        "ETag": f'"{etag}{suffix}"',
        "Vary": _vary(personal),
        "Cache-Control": "private, no-cache" if personal else "no-cache",
        "X-Headrace-Staleness": f"{age:.0f}",
    }
    if suffix:
        headers["Content-Encoding"] = coding
    return headers


def _vary(personal: bool) -> str:
    return f"Accept, Accept-Encoding{', Authorization' if personal else ''}"
