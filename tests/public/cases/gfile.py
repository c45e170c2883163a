"""tf.io.gfile on files of this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.public.case import Case, case


def answers(program: Callable[[Any, str], Any]) -> Case:
    """What `repr` says of the program's answer; it is given tf.io.gfile and a folder with two files and a folder in it."""

    def run(tf: Any) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a.txt").write_text("first\r\nsecond\n")
            Path(folder, "b.bin").write_bytes(b"\xff\x00")
            Path(folder, "d/e").mkdir(parents=True)
            Path(folder, "d/f.txt").write_text("0123456789")
            found = program(tf.io.gfile, folder)
            return tf.constant([repr(found).replace(folder, "FOLDER")])

    return case(run, in_function=False, gradient=False)


def written(g: Any, path: str, mode: str, *contents: Any) -> Any:
    """The file after writes."""
    with g.GFile(path, mode) as file:
        for content in contents:
            file.write(content)
    return Path(path).read_bytes()


def places(g: Any, folder: str) -> list[Any]:
    """Reads here and there; a closed file begins anew."""
    file = g.GFile(f"{folder}/d/f.txt")
    found = [file.name, file.mode, file.seekable(), file.size(), file.tell()]
    for offset, whence in ((3, 0), (1, 1), (-2, 2)):
        file.seek(offset, whence)
        found += [file.read(2), file.tell()]
    file.seek(position=5)
    found.append(file.read())
    file.close()
    return [*found, file.read(1)]


def changed(g: Any, folder: str) -> list[Any]:
    """Copies, renames and deletes."""
    g.copy(f"{folder}/a.txt", f"{folder}/copy")
    g.copy(f"{folder}/a.txt", f"{folder}/copy", overwrite=True)
    g.rename(f"{folder}/copy", f"{folder}/d/f.txt", overwrite=True)
    g.rename(f"{folder}/d", f"{folder}/moved")
    g.remove(f"{folder}/a.txt")
    g.makedirs(f"{folder}/x/y/z")
    g.makedirs(f"{folder}/x/y/z")
    g.mkdir(f"{folder}/x/new")
    g.mkdir(f"{folder}/x/new")
    g.rmtree(f"{folder}/x/y")
    g.rmtree(f"{folder}/b.bin")
    return sorted((a, sorted(b), sorted(c)) for a, b, c in g.walk(folder))


def here(g: Any, folder: str) -> list[Any]:
    """Patterns relative to the working folder."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        patterns = ("*.txt", "a.txt", "d/*", "**/*.txt", "d/f.tx[t]", "d/f.?xt", "none*", "d*/e")
        return [sorted(g.glob(p)) for p in patterns] + [g.glob(["a.*", "a.*"]), g.glob([])]
    finally:
        os.chdir(before)


def looked_at(g: Any, folder: str) -> list[Any]:
    """Kinds and lengths."""
    stat = g.stat(f"{folder}/d/f.txt")
    paths = (folder, f"{folder}/a.txt", f"{folder}/none", "", Path(folder, "d"), os.fsencode(folder), f"file://{folder}")
    return [
        [(g.exists(p), g.isdir(p)) for p in paths],
        (stat.length, stat.mtime_nsec > 0, stat.is_directory, g.stat(folder).is_directory),
        sorted(g.listdir(folder)),
        sorted(g.listdir(f"{folder}/d/")),
        g.isdir("none://x"),
    ]


def walked(g: Any, folder: str) -> list[Any]:
    """Walks of a chain of folders, a file and nothing."""
    up = list(g.walk(f"{folder}/d", topdown=False))
    return [list(g.walk(f"{folder}/d")), up, list(g.walk(f"{folder}/a.txt")), list(g.walk(f"{folder}/none"))]


CASES = {
    "read": answers(lambda g, f: [g.GFile(f"{f}/a.txt").read(), g.GFile(f"{f}/b.bin", "rb").read(), g.GFile(f"{f}/a.txt").read(3)]),
    "lines": answers(
        lambda g, f: [g.GFile(f"{f}/a.txt").readlines(), list(g.GFile(f"{f}/a.txt", "rb")), g.GFile(f"{f}/a.txt").next()]
    ),
    "places": answers(places),
    "write": answers(lambda g, f: written(g, f"{f}/new", "w", "text", b"\xff", "\u00e9")),
    "write-over": answers(lambda g, f: written(g, f"{f}/a.txt", "w", "x")),
    "write-both-ways": answers(lambda g, f: written(g, f"{f}/a.txt", "w+", "x")),
    "write-read-mode": answers(lambda g, f: written(g, f"{f}/a.txt", "r+", "x")),
    "append": answers(lambda g, f: written(g, f"{f}/a.txt", "a", "third", "fourth")),
    "write-nothing": answers(lambda g, f: written(g, f"{f}/a.txt", "w")),
    "changed": answers(changed),
    "glob": answers(here),
    "look": answers(looked_at),
    "walk": answers(walked),
    "join": answers(
        lambda g, f: [g.join("a", "b/", "c"), g.join("a", "/b"), g.join("gs://x", "y"), g.join(b"a", b"b"), g.join("a")]
    ),
    "no-utf8": answers(lambda g, f: g.GFile(f"{f}/b.bin").read()),
    "read-missing": answers(lambda g, f: g.GFile(f"{f}/none").read()),
    "read-folder": answers(lambda g, f: g.GFile(f).read()),
    "read-while-writing": answers(lambda g, f: g.GFile(f"{f}/a.txt", "w").read()),
    "write-while-reading": answers(lambda g, f: g.GFile(f"{f}/a.txt").write("x")),
    "write-number": answers(lambda g, f: written(g, f"{f}/new", "w", 3)),
    "write-folder": answers(lambda g, f: written(g, f, "w", "x")),
    "write-below-nothing": answers(lambda g, f: written(g, f"{f}/none/x", "w", "x")),
    "mode": answers(lambda g, f: g.GFile(f"{f}/a.txt", "x")),
    "seek-before": answers(lambda g, f: g.GFile(f"{f}/a.txt").seek(-1)),
    "seek-after": answers(lambda g, f: g.GFile(f"{f}/a.txt").seek(100)),
    "seek-whence": answers(lambda g, f: g.GFile(f"{f}/a.txt").seek(0, 7)),
    "seek-nothing": answers(lambda g, f: g.GFile(f"{f}/a.txt").seek()),
    "seek-twice": answers(lambda g, f: g.GFile(f"{f}/a.txt").seek(1, position=1)),
    "mkdir-below-nothing": answers(lambda g, f: g.mkdir(f"{f}/none/x")),
    "makedirs-below-file": answers(lambda g, f: g.makedirs(f"{f}/a.txt/x")),
    "makedirs-file": answers(lambda g, f: g.makedirs(f"{f}/a.txt")),
    "listdir-missing": answers(lambda g, f: g.listdir(f"{f}/none")),
    "listdir-file": answers(lambda g, f: g.listdir(f"{f}/a.txt")),
    "stat-missing": answers(lambda g, f: g.stat(f"{f}/none")),
    "remove-missing": answers(lambda g, f: g.remove(f"{f}/none")),
    "remove-folder": answers(lambda g, f: g.remove(f"{f}/d")),
    "rmtree-missing": answers(lambda g, f: g.rmtree(f"{f}/none")),
    "rename-missing": answers(lambda g, f: g.rename(f"{f}/none", f"{f}/x")),
    "rename-over": answers(lambda g, f: g.rename(f"{f}/a.txt", f"{f}/b.bin")),
    "copy-missing": answers(lambda g, f: g.copy(f"{f}/none", f"{f}/x")),
    "copy-over": answers(lambda g, f: g.copy(f"{f}/a.txt", f"{f}/b.bin")),
    "copy-folder": answers(lambda g, f: g.copy(f"{f}/d", f"{f}/x")),
    "copy-below-nothing": answers(lambda g, f: g.copy(f"{f}/a.txt", f"{f}/none/x")),
    "scheme": answers(lambda g, f: g.exists("none://x")),
    "scheme-write": answers(lambda g, f: written(g, "none://x", "w", "x")),
    "no-path": answers(lambda g, f: g.exists(3)),
}
