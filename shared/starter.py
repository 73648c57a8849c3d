"""The starter: a PHP file that exists in a document root for seconds; its name and its first bytes."""

import re

MYPY = False
if MYPY:
    from typing import Iterable

#: A name is this and 128 random bits.
PREFIX = "shoplaunch-start-"
SUFFIX = ".php"
NAME = re.compile(r"shoplaunch-start-[0-9a-f]{32}\.php\Z")
#: Suffix of the empty file a starter may create next to itself to find out its user.
PROBE = ".tmp"
#: Its first bytes; a file of that name with any other beginning is not ours.
MARK = b"<?php\n// Shoplaunch starter: "
#: Starters of this many attempts of a job are searched for.
MOST = 50


def is_starter(content: bytes) -> bool:
    """Return whether the bytes `content` are a starter, or one that was only partly written."""
    return content[: len(MARK)] == MARK[: len(content)]


def with_probes(names: "Iterable[str]") -> "list[str]":
    """Return the names of starters and of the files they may have left (a list of str)."""
    return [name + end for name in names for end in ("", PROBE)]
