"""The Unix socket of `bind` belongs to one web server: a second one would take it from under the first."""

from __future__ import annotations

import fcntl
import os

from shared.errors import ShoplaunchError

UNIX = "unix:"


def hold(bind: str) -> int | None:
    """Keep other web servers from the Unix socket that `bind` names, until this process and its children have ended.

    Return the descriptor that holds it, None for an address of the network, where the kernel does this. Raises
    ShoplaunchError `bind_taken`, `config_invalid`.
    """
    if not bind.startswith(UNIX):
        return None
    place = bind.removeprefix(UNIX)
    # A socket cannot be locked, and is another one each time
    path = f"{place}.lock"
    try:
        held = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise ShoplaunchError("config_invalid", f"bind: {path}: {problem.strerror}") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise ShoplaunchError("bind_taken", f"{place} is in use") from None
    return held
