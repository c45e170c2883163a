"""The ops, one declaration each, in one folder a family. See dispatch/opdef.py for the form of a declaration.

Importing this package imports every module below it, so a new op needs no line anywhere else.
"""

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, __name__ + "."):
    importlib.import_module(_module.name)
