"""Choose the user ids of new accounts: an id that an account has had is never given to another.

Leftovers of a removed account – a hidden process, a file in /tmp, a job of `at`, a bundle's access list – are known by
its id: an account that got the same one would own them, and be owned by them.
"""

from __future__ import annotations

import grp
import pwd
from pathlib import Path

from controller.files import write_durably
from shared.errors import ShoplaunchError
from shared.system_users import find

FIRST_UID = 1000
#: Debian's `nobody` and the range above it belong to the system.
LAST_UID = 59_999
_FILE = "last-uid"


def reserve(state_folder: str) -> int:
    """Return an id that no account has or, as far as is known, has had; it is not given again.

    Call it under the lock of accounts. Raises panel_refused.
    """
    known = _last(state_folder)
    for uid in range((_highest() if known is None else known) + 1, LAST_UID + 1):
        if _is_free(uid):
            _note(state_folder, uid)
            return uid
    path = Path(state_folder) / _FILE
    message = f"numbers up to {LAST_UID} have been given to accounts; {path} holds the last one: a lower one goes on"
    raise ShoplaunchError("panel_refused", message)


def retire(state_folder: str, uid: int) -> None:
    """Make sure that the id of an account that is about to be removed is not given again."""
    known = _last(state_folder)
    if known is None or known < uid:
        _note(state_folder, max(uid, _highest() if known is None else 0))


def _last(state_folder: str) -> int | None:
    """Return the highest id given or retired so far, None before the first."""
    path = Path(state_folder) / _FILE
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        return None
    if not text.strip().isdigit():
        raise ShoplaunchError("panel_refused", f"{path} holds no number")
    return max(FIRST_UID - 1, int(text))


def _note(state_folder: str, uid: int) -> None:
    write_durably(Path(state_folder) / _FILE, f"{uid}\n".encode("ascii"), 0o600)


def _highest() -> int:
    found = (entry.pw_uid for entry in pwd.getpwall() if FIRST_UID <= entry.pw_uid < LAST_UID)
    return max(found, default=FIRST_UID - 1)


def _is_free(uid: int) -> bool:
    return find(pwd.getpwuid, uid) is None and find(grp.getgrgid, uid) is None
