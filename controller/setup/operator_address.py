"""Writes the operator's e-mail address to the settings file without touching its other content."""

from __future__ import annotations

import json
import re
import tomllib

from controller.config import FILE_NAME, Config
from controller.files import replace_durably, write_durably
from shared.errors import ShoplaunchError

#: Also addresses on this machine, such as root@localhost.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_SECTION = re.compile(r"^[ \t]*\[mail\][ \t]*(#[^\n]*)?$", re.M)
_NEXT = re.compile(r"^[ \t]*\[", re.M)
_OPERATOR = re.compile(r"^[ \t]*operator[ \t]*=[^\n]*$", re.M)


def keep(config: Config, address: str) -> None:
    """Set [mail] operator in the settings file to `address`.

    Raises ShoplaunchError `email_invalid`; `config_invalid` when it has to be written there by hand.
    """
    check(address)
    # The settings file may be a link
    path = config.file.resolve()
    before = path.read_text("utf-8") if path.exists() else ""
    after = _with(before, f"operator = {json.dumps(address)}")
    if not _differs_only_so(before, after, address):
        raise _by_hand(address)
    if after == before:
        return
    try:
        if path.exists():
            replace_durably(path, after.encode("utf-8"))
        else:
            write_durably(path, after.encode("utf-8"), 0o600)
    except PermissionError:
        # Recreating the file would change its owner, who runs the service
        raise _by_hand(address) from None


def check(address: str) -> None:
    """Raise ShoplaunchError `email_invalid` when the text is no address."""
    # Mail programs would decode it to another address
    if not _ADDRESS.match(address) or "=?" in address:
        raise ShoplaunchError("email_invalid", f"not an e-mail address: {address[:80]!r}")


def _by_hand(address: str) -> ShoplaunchError:
    line = f'operator = "{address}"'
    return ShoplaunchError("config_invalid", f"write this below [mail] of {FILE_NAME} by hand: {line}")


def _with(text: str, line: str) -> str:
    found = _SECTION.search(text)
    if found is None:
        return f"{text.rstrip()}\n\n[mail]\n{line}\n".lstrip("\n")
    following = _NEXT.search(text, found.end())
    end = len(text) if following is None else following.start()
    section = text[found.end() : end]
    if _OPERATOR.search(section):
        return text[: found.end()] + _OPERATOR.sub(lambda _match: line, section, count=1) + text[end:]
    return f"{text[: found.end()]}\n{line}{text[found.end() :]}"


def _differs_only_so(before: str, after: str, address: str) -> bool:
    """Return whether only the address has changed: the file may be written in unforeseen ways."""
    try:
        old, new = tomllib.loads(before), tomllib.loads(after)
    except ValueError:
        return False
    mail = old.get("mail", {})
    return isinstance(mail, dict) and new == {**old, "mail": {**mail, "operator": address}}
