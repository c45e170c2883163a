"""How URLs and errors of the network stand in messages, which clients and logs get to see."""

from __future__ import annotations

from yarl import URL

_MAX_CHARACTERS = 200


def shown(url: URL | str) -> str:
    """A URL without the secrets that may be in it: user, password and query."""
    try:
        found = URL(url) if isinstance(url, str) else url
        return str(found.with_user(None).with_query(None).with_fragment(None)) if found.host else str(found.path)[:200]
    except ValueError:
        return "a URL that is none"


def told(error: BaseException) -> str:
    """What an error says, or its name; what is in it of upstream's bytes, as far as they fit into a line."""
    text = " ".join(str(error).split())
    return text[:_MAX_CHARACTERS] or type(error).__name__
