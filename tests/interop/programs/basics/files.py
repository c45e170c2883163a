"""What tf.io.gfile does with files and directories; errors by their class. Names that depend on the machine are left out."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

g = tf.io.gfile
base = tempfile.mkdtemp()
file, gone, folder = g.join(base, "a.txt"), g.join(base, "no"), g.join(base, "x")


def tell(label: str, *steps: Callable[[], Any]) -> None:
    found = []
    for step in steps:
        try:
            found.append(repr(step()).replace(base, "BASE"))
        except (tf.errors.OpError, TypeError, UnicodeDecodeError) as error:
            found.append(type(error).__name__)
    print(label, "=", *found)


with g.GFile(file, "w") as f:
    tell("write", lambda: f.write("héllo\nworld\n"), lambda: f.name == file, lambda: f.mode, f.read, lambda: f.write(3))
    tell("flush", f.flush, f.size, f.tell)
with g.GFile(file) as f:
    tell(
        "read",
        lambda: f.read(3),
        f.readline,
        f.tell,
        f.read,
        lambda: f.seek(0),
        lambda: list(f),
        f.size,
        f.seekable,
        lambda: f.write("x"),
    )
    tell("seek", lambda: f.seek(2), lambda: next(f), lambda: f.seek(0, 7))
with g.GFile(file, "rb") as f:
    tell("bytes", lambda: f.read(3), f.readlines, lambda: f.seek(-2, 2), f.read)
with g.GFile(file, "a") as f:
    f.write(b"more")
with g.GFile(file, "r+") as f:
    tell("both", f.read)
tell("append", lambda: g.GFile(file).read())
with g.GFile(g.join(base, "bad"), "wb") as f:
    tell("binary", lambda: f.write("text"), lambda: f.write(b"\xff"))
tell("undecodable", lambda: g.GFile(f.name).read(), lambda: g.GFile(f.name, "rb").read())
tell("missing", lambda: g.GFile(gone).read(), lambda: g.GFile(base).read(), lambda: g.GFile(file, "z"))
tell("above", lambda: g.GFile(g.join(gone, "x"), "w").write("a"))
with g.GFile(g.join(base, "empty"), "w"):
    pass
tell("empty", lambda: g.stat(g.join(base, "empty")).length)
tell(
    "exists", *(lambda p=p: g.exists(p) for p in (file, gone, base, Path(base), base.encode(), "file://" + base, g.join(file, "x")))
)
tell("isdir", *(lambda p=p: g.isdir(p) for p in (file, gone, base)))
tell("mkdir", lambda: g.mkdir(folder), lambda: g.mkdir(folder), lambda: g.mkdir(g.join(gone, "r")))
tell("makedirs", lambda: g.makedirs(g.join(base, "y", "z")), lambda: g.makedirs(g.join(base, "y", "z")), lambda: g.makedirs(file))
tell("listdir", lambda: sorted(g.listdir(base)), lambda: g.listdir(file), lambda: g.listdir(gone))
Path(base, ".hidden").touch()
for pattern in ("*", "no/*", "*/*", "**", "[ab]*.t?t", "x"):
    tell(f"glob {pattern}", lambda p=pattern: sorted(g.glob(g.join(base, p))))
tell("globs", lambda: sorted(g.glob([g.join(base, "*.txt"), folder])))
copied = g.join(base, "c")
tell("copy", lambda: g.copy(file, copied), lambda: g.copy(file, copied), lambda: g.copy(file, copied, overwrite=True))
tell("copy from", lambda: g.copy(gone, g.join(base, "e")), lambda: g.copy(folder, g.join(base, "f")), lambda: g.copy(file, folder))
tell("rename", lambda: g.rename(copied, file), lambda: g.rename(copied, file, overwrite=True), lambda: g.rename(gone, copied))
tell("rename folder", lambda: g.rename(folder, g.join(base, "xx")), lambda: g.isdir(g.join(base, "xx")), lambda: g.exists(folder))
tell(
    "stat",
    lambda: g.stat(file).length,
    lambda: g.stat(base).is_directory,
    lambda: g.stat(file).mtime_nsec > 10**18,
    lambda: g.stat(gone),
)
for e in ("e", "f"):
    Path(base, e).unlink(missing_ok=True)
for topdown in (True, False):
    tell("walk", lambda t=topdown: [(a, sorted(b), sorted(c)) for a, b, c in g.walk(base, topdown=t)])
tell("walk missing", lambda: list(g.walk(gone)), lambda: list(g.walk(file)))
tell("remove", lambda: g.remove(file), lambda: g.remove(file), lambda: g.remove(g.join(base, "y")))
tell("rmtree", lambda: g.rmtree(g.join(base, "y")), lambda: g.rmtree(g.join(base, "y")), lambda: g.rmtree(g.join(base, "empty")))
tell(
    "join",
    lambda: g.join("a", "b"),
    lambda: g.join("a/", "/b"),
    lambda: g.join("a"),
    lambda: g.join("a", ""),
    lambda: g.join(Path("a"), "b"),
)
tell("scheme", lambda: g.exists("nosuch://a"), lambda: {"", "file"} <= set(g.get_registered_schemes()))
g.rmtree(base)
