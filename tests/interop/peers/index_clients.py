"""pypi-simple and twine, as libraries: what they make of a mirror's pages and answers.

    python index_clients.py URL TOKEN FILE PROJECT...

`FILE` is a package whose name is taken on the mirror, with another content. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import requests
from pypi_simple import ACCEPT_HTML_ONLY, ACCEPT_JSON_ONLY, PyPISimple
from twine.commands.upload import skip_upload
from twine.package import PackageFile


def page(client: PyPISimple, project: str, accept: str) -> dict[str, Any]:
    found = client.get_project_page(project, accept=accept)
    files = [
        {
            "filename": each.filename,
            "url": each.url,
            "sha256": each.digests.get("sha256"),
            "requires-python": each.requires_python,
            "yanked": each.yanked_reason or each.is_yanked,
            "metadata": bool(each.has_metadata),  # HTML cannot tell "no" from nothing said
            "metadata-sha256": (each.metadata_digests or {}).get("sha256"),
            "provenance": each.provenance_url,
        }
        for each in found.packages
    ]
    return {"files": files, "version": found.repository_version, "status": str(getattr(found, "status", None))}


def main(url: str, token: str, path: str, projects: list[str]) -> None:
    with PyPISimple(f"{url}/simple/") as client:
        found: dict[str, Any] = {
            project: {"json": page(client, project, ACCEPT_JSON_ONLY), "html": page(client, project, ACCEPT_HTML_ONLY)}
            for project in projects
        }
        listed = {name: client.get_index_page(accept=form).projects for name, form in FORMS.items()}
        (first,) = [each for each in client.get_project_page("demo").packages if each.filename.startswith("demo-1.0")]
        metadata = client.get_package_metadata(first, verify=True)  # its digest is compared with that of the page
    package = PackageFile.from_filename(path, None)
    with Path(path).open("rb") as file:
        fields = {":action": "file_upload", "protocol_version": "1", "name": package.safe_name}
        answer = requests.post(f"{url}/legacy/", fields, files={"content": (Path(path).name, file)}, auth=("__token__", token))
    skipped = skip_upload(answer, True, package)
    print(json.dumps({"pages": found, "listed": listed, "metadata": metadata, "status": answer.status_code, "skipped": skipped}))


FORMS = {"json": ACCEPT_JSON_ONLY, "html": ACCEPT_HTML_ONLY}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
