"""Reads the YAML texts of a file of [value, text] pairs with PyYAML, and prints the pairs that differ."""

import json
import sys
from pathlib import Path

import yaml


def read(text):
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        return str(error)


pairs = json.loads(Path(sys.argv[1]).read_text())
print(json.dumps([[value, text, repr(found)] for value, text in pairs if (found := read(text)) != value]))
