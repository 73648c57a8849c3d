"""The starter: one PHP file that lies in a document root for seconds; how it is named, and what it begins with."""

import re

MYPY = False
if MYPY:
    from typing import Iterable

#: 128 bits nobody can guess stand between these.
PREFIX = "shoplaunch-start-"
SUFFIX = ".php"
NAME = re.compile(r"shoplaunch-start-[0-9a-f]{32}\.php\Z")
#: What it may make beside itself to see as whom it runs; empty.
PROBE = ".tmp"
#: Its first bytes; a file of its name that begins with anything else is somebody else's.
MARK = b"<?php\n// Shoplaunch starter: "
#: So many attempts of a job are looked for.
MOST = 50


def is_starter(content: bytes) -> bool:
    """Tell whether the bytes `content` are a starter's, or those of one that was being written."""
    return content[: len(MARK)] == MARK[: len(content)]


def with_probes(names: "Iterable[str]") -> "list[str]":
    """Return the names of starters and of what they may have left (a list of str)."""
    return [name + end for name in names for end in ("", PROBE)]
