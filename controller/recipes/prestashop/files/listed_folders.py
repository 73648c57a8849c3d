"""Finds folders, listed at every page or written into, that the tree lost: version control keeps no empty ones."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

#: Folder of the module -> the listed one. From PHP 8 on the list of a folder that is not there ends the page.
_LISTED = {"modules/ps_mainmenu": "img/c", "modules/blocktopmenu": "img/c"}
#: Where the back office puts pictures, and makes no folder for them: each upload and small picture would fail.
_WRITER = "classes/ImageManager.php"
_WRITTEN = tuple(f"img/{one}" for one in ("c", "cms", "genders", "l", "m", "os", "p", "s", "st", "su", "tmp"))
#: As in every folder of a release: who asks for the folder is led away.
GUARD = b"<?php\nheader('Location: ../');\nexit;\n"


def guards(root: Path, in_use: Iterable[str]) -> dict[bytes, bytes]:
    """Return path -> content of the guard of each folder the tree at `root` lacks.

    They are those the modules `in_use` list, and those the back office writes pictures into.
    """
    folders = {_LISTED[one] for one in in_use if one in _LISTED}
    if (root / _WRITER).is_file():
        folders.update(_WRITTEN)
    return {f"{folder}/index.php".encode(): GUARD for folder in sorted(folders) if not os.path.lexists(root / folder)}
