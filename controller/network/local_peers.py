"""Refuses a connection to an address of this machine at which a process of an account listens or answers.

Any account may listen at a port of 1024 or more while the web server is restarted. The kernel's tables name the user of
each end; a namespace of the account's own changes nothing in them.
"""

from __future__ import annotations

import os
import socket

from controller.network.connection_ends import ends, place
from shared.database.unix_socket import FIRST_ACCOUNT

#: Debian's and systemd's own users between an account's and those of an account's namespaces, `nobody` among them.
_OF_THE_SYSTEM = range(60_000, 65_536)


class Foreign(OSError):
    """An account's process is at the other end."""


def is_of_this_machine(ip: str) -> bool:
    """Return whether an address belongs to this machine."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True


def require_no_account_here(connected: socket.socket) -> None:
    """As require_no_account; another machine may be at the other end of `connected`."""
    if is_of_this_machine(connected.getpeername()[0].partition("%")[0]):
        require_no_account(connected)


def require_no_account(connected: socket.socket) -> None:
    """Raise Foreign where a process of an account of this machine is, or may be, at the other end of `connected`.

    A connection that nobody has accepted yet may still be taken by any process that listens there.
    """
    there, here = place(connected.getpeername()), place(connected.getsockname())
    for end in ends(there, here):
        answers = end.address == there[0] and end.peer == here
        waits = end.listens and (end.address == there[0] or end.address.is_unspecified)
        if (answers or waits) and _is_an_accounts(end.uid):
            # As the reason of a failed connection only this is shown
            raise Foreign(None, f"a process of the user {end.uid} of this machine is there")


def _is_an_accounts(uid: int) -> bool:
    # Who runs the controller by a user of his own has what this process has anyway
    return uid >= FIRST_ACCOUNT and uid not in _OF_THE_SYSTEM and uid != os.geteuid()
