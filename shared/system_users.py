"""Looks users and groups of the system up, and tells one that does not exist from a system that cannot be asked."""

import errno
import pwd

MYPY = False
if MYPY:
    from typing import Callable, TypeVar

    Key = TypeVar("Key")
    Entry = TypeVar("Entry")


def find(look: "Callable[[Key], Entry]", key: "Key") -> "Entry | None":
    """Return `look(key)`, a function of `pwd` or `grp`; None where there is no such user or group.

    Raises OSError where the system cannot be asked: without a free descriptor, the same error says that nobody exists.
    """
    # The second time, for a descriptor that became free in between
    for _ in range(2):
        try:
            return look(key)
        except KeyError:
            _check_answers()
    return None


def _check_answers() -> None:
    try:
        # Everywhere there is root
        pwd.getpwuid(0)
    except KeyError:
        raise OSError(errno.EMFILE, "the users of this system cannot be read") from None
