"""What is wrong with settings, in words; never with a value, which may be a secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from controller.settings.sections import FILE_NAME, SETTINGS_VERSION
from controller.settings.table import rows

UNKNOWN = "is unknown"
NEEDED = "is needed"
NO_SECTION = "must be a section"


@dataclass(frozen=True)
class Problem:
    """A problem of one setting (or of a file: `setting` is ""), from `place`. One that is not `fatal` stops no command
    but what needs the setting."""

    setting: str
    message: str
    place: str = ""
    fatal: bool = True
    code: str = "config_invalid"


def worded(section: str, name: str, complaint: str) -> str:
    """Return the message about [section] name; `section` is "" at the top."""
    before = f"[{section}] " if section else ""
    if complaint == NO_SECTION:
        return f"[{section or name}] {complaint}"
    if complaint == UNKNOWN:
        return f"{before or FILE_NAME + ' '}has no setting {name!r}{_instead(nearest(section, name))}"
    if complaint == NEEDED:
        return f"{before}needs {name}"
    return f"{before}{name} {complaint}"


def _instead(known: str) -> str:
    return f"; did you mean {known}?" if known else ""


def nearest(section: str, name: str) -> str:
    """Return the setting or section that was probably meant, "" when nothing is near."""
    top = section.partition(".")[0]
    names = {one.partition(".")[0] for one in rows()}
    if top:
        names = {one.partition(".")[2] for one in rows() if one.startswith(top + ".")}
    near = difflib.get_close_matches(name, sorted(names), n=1)
    if near:
        return near[0]
    # In another section
    same = [one for one in rows() if one.rpartition(".")[2] == name]
    return f"[{same[0].rpartition('.')[0]}] {name}" if same and "." in same[0] else (same or [""])[0]


def newer(version: int, problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems, where settings are unknown because the file is of the newer `version`."""
    if version <= SETTINGS_VERSION:
        return list(problems)
    said = f"; {FILE_NAME} is of settings version {version}, this program knows {SETTINGS_VERSION}"
    return [
        Problem(one.setting, one.message.partition("; did")[0] + said, one.place, one.fatal, "config_newer")
        if "has no setting" in one.message
        else one
        for one in problems
    ]
