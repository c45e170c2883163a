"""Archives of models, good ones and others."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable

FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"index", "assets/vocab.txt": b"a\nb\n"}


def archive(files: dict[str, bytes], more: Callable[[tarfile.TarFile], None] | None = None) -> bytes:
    """A .tar.gz of these files; `more` adds what else is in it."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as target:
        for name, content in files.items():
            parent = name.rpartition("/")[0]
            if parent:
                folder = tarfile.TarInfo(parent)
                folder.type = tarfile.DIRTYPE
                target.addfile(folder)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
        if more is not None:
            more(target)
    return raw.getvalue()


def _special(kind: bytes, name: str = "x", link: str = "") -> bytes:
    def add(target: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, link
        target.addfile(entry)

    return archive(FILES, add)


def _bomb() -> bytes:
    entry = tarfile.TarInfo("zeros")
    entry.size = 512 << 20
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1) as packed:
        packed.write(entry.tobuf())
        for _ in range(32):
            packed.write(bytes(1 << 20))
    return raw.getvalue()


def _header_bomb() -> bytes:
    entry = tarfile.TarInfo("PaxHeaders/x")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 30
    return gzip.compress(entry.tobuf() + bytes(1 << 20))


HOSTILE = {
    "traversal": archive({"../outside": b"x"}),
    "deep traversal": archive({"a/../../outside": b"x"}),
    "absolute": archive({"/etc/outside": b"x"}),
    "backslash": archive({"a\\..\\b": b"x"}),
    "control": archive({"a\nb": b"x"}),
    "symlink": _special(tarfile.SYMTYPE, link="/etc/passwd"),
    "hard link": _special(tarfile.LNKTYPE, link="saved_model.pb"),
    "device": _special(tarfile.CHRTYPE),
    "pipe": _special(tarfile.FIFOTYPE),
    "sparse": _special(tarfile.GNUTYPE_SPARSE),
    "twice": archive({"a": b"1", "./a": b"2"}),
    "in a file": archive({"a": b"1"}, lambda target: target.addfile(tarfile.TarInfo("a/b"))),
    "bomb": _bomb(),
    "header bomb": _header_bomb(),
    "truncated": archive({"saved_model.pb": bytes(range(256)) * 400})[:-200],
    "empty": archive({}),
    "not gzip": b"\x1f\x8b" + b"x" * 100,
    "a page": b"<html>not found</html>",
    "nothing": b"",
}
"""Archives that may not be given out, by what is wrong with them."""
