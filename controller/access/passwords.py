"""Passwords of operators: hashed; only a few comparisons run at once, since each needs much memory."""

from __future__ import annotations

import threading

#: Each comparison takes 32 MB; the web server has more threads than a small machine has memory for.
AT_ONCE = 4
_TURNS = threading.BoundedSemaphore(AT_ONCE)
#: How passwords are hashed: scrypt with 32 MB.
_METHOD = "scrypt:32768:8:1"
#: A hash like that of any password, but of none. It is written down, not computed: that takes as long as many commands.
NOBODY = f"{_METHOD}${'0' * 16}${'0' * 128}"


def hashed(password: str) -> str:
    """Return the password's hash, as it is stored."""
    # Imported here: it loads much of Werkzeug, and workers and most commands know no operator's password
    from werkzeug.security import generate_password_hash

    return generate_password_hash(password, _METHOD)


def is_right(kept: str, password: str) -> bool:
    """Return whether `kept` is the hash of this password."""
    # Imported here: as above
    from werkzeug.security import check_password_hash

    with _TURNS:
        return check_password_hash(kept, password)
