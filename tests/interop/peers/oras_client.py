"""The oras library against a registry: pushes a folder as ModelPack, in one piece and in chunks, and pulls it.

Arguments: host:port, repository, token, folder to push, folder to pull into. Prints what came as JSON: path to sha256.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import oras.client


def main(host: str, repository: str, token: str, source: Path, target: Path) -> None:
    client = oras.client.OrasClient(hostname=host, insecure=True, auth_backend="basic")
    client.auth.set_basic_auth("anybody", token)
    config, annotations = Path("config.json"), Path("annotations.json")
    config.write_text(json.dumps({"descriptor": {}, "config": {}, "modelfs": {"type": "layers", "diffIds": []}}))
    paths = sorted(path for path in source.rglob("*") if path.is_file())
    names = {str(path): path.relative_to(source).as_posix() for path in paths}
    keys = ("org.cncf.model.filepath", "org.opencontainers.image.title")
    annotations.write_text(json.dumps({path: dict.fromkeys(keys, name) for path, name in names.items()}))
    for tag, chunked in (("1", False), ("2", True)):
        client.push(
            target=f"{host}/{repository}:{tag}",
            files=[f"{path}:application/vnd.cncf.model.weight.v1.raw" for path in paths],
            manifest_config=f"{config}:application/vnd.cncf.model.config.v1+json",
            manifest_annotations={"tag": tag},
            annotation_file=str(annotations),
            disable_path_validation=True,
            do_chunked=chunked,
            chunk_size=50_000,
        )
    refused = ""
    try:
        client.push(target=f"{host}/{repository}:1", files=[], manifest_annotations={"other": "content"})
    except ValueError as error:
        refused = str(error)
    stranger = oras.client.OrasClient(hostname=host, insecure=True, auth_backend="basic")
    pulled = {
        path.relative_to(target).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in map(Path, stranger.pull(target=f"{host}/{repository}:latest", outdir=str(target)))
    }
    print(json.dumps({"pulled": pulled, "tags": stranger.get_tags(f"{host}/{repository}"), "refused": refused}))


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(Path, sys.argv[4:]))
