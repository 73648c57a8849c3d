"""Finds folders an active module lists at every page and the tree lost: version control keeps no empty ones."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

#: Folder of the module -> the listed one. From PHP 8 on the list of a folder that is not there ends the page.
_LISTED = {"modules/ps_mainmenu": "img/c", "modules/blocktopmenu": "img/c"}
#: As in every folder of a release: who asks for the folder is led away.
GUARD = b"<?php\nheader('Location: ../');\nexit;\n"


def guards(root: Path, in_use: Iterable[str]) -> dict[bytes, bytes]:
    """Return path -> content of the guard of each folder that modules `in_use` list and the tree at `root` lacks."""
    folders = {_LISTED[one] for one in in_use if one in _LISTED}
    return {f"{folder}/index.php".encode(): GUARD for folder in sorted(folders) if not os.path.lexists(root / folder)}
