"""What lies beside our modules, in their folder or in the agent's archive."""

import os


def read(module, name):
    """Return the bytes of the file `name` (relative) beside the module whose globals are `module`. Raises OSError."""
    # Not by pkgutil: with all that it loads, it takes longer than to read any of ours
    return module["__spec__"].loader.get_data(os.path.join(os.path.dirname(module["__file__"]), name))
