"""Looks at a list of components with CycloneDX's own library: its strict schema of version 1.6, and what it reads of it.

Argument: the file.
"""

import json
import sys
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

text = Path(sys.argv[1]).read_text()
problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
bom = Bom.from_json(data=json.loads(text))
bom.validate()  # every reference has what it refers to
components = list(bom.components)
print(
    json.dumps(
        {
            "problem": None if problem is None else repr(problem),
            "purls": sorted(str(each.purl) for each in bom.components),
            "licenses": sorted(str(getattr(one, "value", None) or one.name) for each in bom.components for one in each.licenses),
            "files": sorted(
                f"{inner.name} {next(iter(inner.hashes)).content}" for each in bom.components for inner in each.components
            ),
            "needed": {str(each.ref): sorted(str(one.ref) for one in each.dependencies) for each in bom.dependencies},
            "about": f"{bom.metadata.component.name} {bom.metadata.component.version}",
        }
    )
)
