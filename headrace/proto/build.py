"""Compiles `texts/**/*.proto` to `descriptors.binpb`: `python -m headrace.proto.build` (needs grpcio-tools)."""

from __future__ import annotations

import importlib
import importlib.resources
import sys
import tempfile
from pathlib import Path

TEXTS = Path(__file__).parent / "texts"
OUTPUT = Path(__file__).parent / "descriptors.binpb"


def compile_texts() -> bytes:
    """The serialized FileDescriptorSet of every text, imports included, comments left out.

    Raises:
        ModuleNotFoundError: grpcio-tools is not installed.
        RuntimeError: a text does not compile (the compiler's messages stand on stderr).
    """
    protoc = importlib.import_module("grpc_tools.protoc")
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    texts = sorted(path.relative_to(TEXTS).as_posix() for path in TEXTS.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set.binpb"
        code = protoc.main(["protoc", f"-I{TEXTS}", f"-I{well_known}", "--include_imports", f"--descriptor_set_out={out}", *texts])
        if code != 0:
            raise RuntimeError(f"the protocol compiler ended with code {code} on {', '.join(texts)}; mend the text it names")
        return out.read_bytes()


def main() -> int:
    """Writes the compiled set next to this file."""
    OUTPUT.write_bytes(compile_texts())
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
