"""Files that were begun and never finished, in the folders of the installation, and mails of clients in a folder."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from controller import files
from controller.agent_archive.versions import FOLDER
from controller.settings.sections import Config

#: A copy of a bundle that was being added (lifecycle/bundle_store).
_COPY = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9._-]{0,62}\.new\Z")


def unfinished(config: Config, before: float) -> list[Path]:
    """Return files that nobody has written to since `before` (unix seconds) and whose names say they are unfinished."""
    found = [path for path in _files(config.bundles) if _COPY.match(path.name)]
    folders = [config.home, config.bundles, config.agent, config.keys, *(config.agent / FOLDER).glob("*")]
    if config.mail.folder:
        folders.append(Path(config.mail.folder))
    found += [path for folder in folders for path in files.unfinished(folder)]
    return [path for path in found if _written_at(path, before) < before]


def mails(config: Config, about: str) -> list[Path]:
    """Return the mails about the job, or what else an alarm names in its place, in the folder of [mail], where they are
    put instead of being sent."""
    if not config.mail.folder:
        return []
    ends = tuple(f".{about}.{name}.eml" for name in ("ready", "alarm"))
    return [path for path in _files(Path(config.mail.folder)) if path.name.endswith(ends)]


def remove(found: list[Path]) -> int:
    """Remove the files; return how many. One that is gone or cannot be removed is left out."""
    gone = 0
    for path in found:
        try:
            path.unlink()
        except OSError:
            continue
        gone += 1
    return gone


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except OSError:
        # There is none, or it cannot be read
        return


def _written_at(path: Path, otherwise: float) -> float:
    try:
        known = path.lstat()
    except OSError:
        return otherwise
    return known.st_mtime if stat.S_ISREG(known.st_mode) else otherwise
