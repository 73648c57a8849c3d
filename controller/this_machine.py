"""Which machine this is: accounts of a panel that is called at no address live on one machine alone."""

from __future__ import annotations

import hashlib
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path

#: Where systemd and, without it, D-Bus keep a machine's id.
FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_ID = re.compile(r"[0-9a-f]{32}\Z")
#: So much of its name is noted.
_HOST_CHARACTERS = 60


@dataclass(frozen=True)
class Machine:
    """A machine by its id; `host` is the name it had when it was noted, for people."""

    id: str
    host: str = field(compare=False)


def this_machine() -> Machine | None:
    """Return this machine, None where it has no id, as in most containers: its name alone may be another's tomorrow."""
    for path in FILES:
        try:
            found = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if _ID.match(found):
            # Others must not learn the id itself (machine-id(5))
            sealed = hashlib.sha256(b"shoplaunch " + found.encode()).hexdigest()[:32]
            return Machine(sealed, socket.gethostname()[:_HOST_CHARACTERS])
    return None
