"""Writes settings to the settings file without touching its other content."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from controller.files import alone, remove_unfinished, replace_durably, write_durably
from controller.settings.sections import FILE_NAME
from shared.errors import ShoplaunchError

_NEXT = re.compile(r"^[ \t]*\[", re.M)


def put(file: Path, changes: Mapping[str, object]) -> None:
    """Set `changes` (such as mail.port) in the settings file in one go; the same ones twice change nothing.

    Raises ShoplaunchError `config_invalid` when they have to be written there by hand.
    """
    # The settings file may be a link
    path = file.resolve()
    try:
        with alone(path.parent):
            remove_unfinished(path)
            _put(path, changes)
    except PermissionError:
        # Recreating the file would change its owner, who runs the service
        raise _by_hand(changes) from None


def _put(path: Path, changes: Mapping[str, object]) -> None:
    before = path.read_text("utf-8") if path.exists() else ""
    after = before
    for name, value in changes.items():
        after = _with(after, *_parts(name), value)
    if not _differs_only_so(before, after, changes):
        raise _by_hand(changes)
    if after == before:
        return
    if path.exists():
        replace_durably(path, after.encode("utf-8"))
    else:
        write_durably(path, after.encode("utf-8"), 0o600)


def _parts(name: str) -> tuple[str, str]:
    section, _, last = name.rpartition(".")
    return section, last


def _line(name: str, value: object) -> str:
    return f"{name} = {json.dumps(value, ensure_ascii=False)}"


def _by_hand(changes: Mapping[str, object]) -> ShoplaunchError:
    lines = []
    for name, value in changes.items():
        section, last = _parts(name)
        where = f"below [{section}] of {FILE_NAME}" if section else f"at the top of {FILE_NAME}"
        lines.append(f"write this {where} by hand: {_line(last, value)}")
    return ShoplaunchError("config_invalid", "\n".join(lines))


def _with(text: str, section: str, name: str, value: object) -> str:
    begin = 0
    if section:
        found = re.search(rf"^[ \t]*\[{re.escape(section)}\][ \t]*(#[^\n]*)?$", text, re.M)
        if found is None:
            return f"{text.rstrip()}\n\n[{section}]\n{_line(name, value)}\n".lstrip("\n")
        begin = found.end()
    following = _NEXT.search(text, begin)
    end = len(text) if following is None else following.start()
    return text[:begin] + _within(text[begin:end], section, name, _line(name, value)) + text[end:]


def _within(part: str, section: str, name: str, line: str) -> str:
    """Return the part of the file with the line: in place of the former one, below its description, or first."""
    former = re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*=[^\n]*$", re.M)
    if former.search(part):
        return former.sub(lambda _match: line, part, count=1)
    described = re.search(rf"^#[ \t]*{re.escape(name)}[ \t]*=[^\n]*$", part, re.M)
    if described is not None and not section:
        return f"{part[: described.end()]}\n{line}{part[described.end() :]}"
    return f"\n{line}{part}" if section else f"{line}\n{part}"


def _differs_only_so(before: str, after: str, changes: Mapping[str, object]) -> bool:
    """Return whether nothing else has changed: the file may be written in unforeseen ways."""
    try:
        wanted, new = tomllib.loads(before), tomllib.loads(after)
    except ValueError:
        return False
    for name, value in changes.items():
        section, last = _parts(name)
        part = wanted.setdefault(section, {}) if section else wanted
        if not isinstance(part, dict):
            return False
        part[last] = value
    return new == wanted
