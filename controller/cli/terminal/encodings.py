"""Lets the standard streams write every letter, whatever their encoding: no command ends in a traceback over one."""

from __future__ import annotations

import io
import sys


def settle() -> None:
    """Write letters that a stream's encoding does not have as Python's escapes.

    The encoding stays: what draws boxes, bars and QR codes looks at it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
