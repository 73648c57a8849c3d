"""Refuses a connection to an address of this machine at which a process of an account listens or answers.

Any account may listen at a port of 1024 or more while the web server is restarted. The kernel's tables name the user of
each end; a namespace of the account's own changes nothing in them.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shared.database_socket import FIRST_ACCOUNT

#: Of this process: a hardened service sees nothing of /proc but processes.
_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LISTENS = "0A"
#: Debian's and systemd's own users between an account's and those of an account's namespaces, `nobody` among them.
_OF_THE_SYSTEM = range(60_000, 65_536)
_WORD_BYTES = 4
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Foreign(OSError):
    """An account's process is at the other end."""


class _End(NamedTuple):
    """One end of a connection, or a socket that waits for connections, and its user."""

    address: Address
    peer: tuple[Address, int]
    listens: bool
    uid: int


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
    there, here = _place(connected.getpeername()), _place(connected.getsockname())
    for end in _ends(there[1]):
        answers = end.address == there[0] and end.peer == here
        waits = end.listens and (end.address == there[0] or end.address.is_unspecified)
        if (answers or waits) and _is_an_accounts(end.uid):
            # As the reason of a failed connection only this is shown
            raise Foreign(None, f"a process of the user {end.uid} of this machine is there")


def _is_an_accounts(uid: int) -> bool:
    # Who runs the controller by a user of his own has what this process has anyway
    return uid >= FIRST_ACCOUNT and uid not in _OF_THE_SYSTEM and uid != os.geteuid()


def _place(name: tuple[str, int]) -> tuple[Address, int]:
    return _plain(ipaddress.ip_address(name[0].partition("%")[0])), name[1]


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _ends(port: int) -> Iterator[_End]:
    """Yield the ends whose own port this is; the others are not read: a busy web server has thousands."""
    of_port = f":{port:04X}"
    for table in _TABLES:
        try:
            lines = table.read_text("ascii").splitlines()
        except FileNotFoundError:
            # A system without IPv6
            continue
        for line in lines[1:]:
            fields = line.split(None, 8)
            if fields[1].endswith(of_port):
                yield _End(_read(fields[1])[0], _read(fields[2]), fields[3] == _LISTENS, int(fields[7]))


def _read(text: str) -> tuple[Address, int]:
    """Return the address and port of a table's field: words in this machine's own order of bytes, in hexadecimal."""
    digits, _, port = text.partition(":")
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + _WORD_BYTES][::-1] for at in range(0, len(raw), _WORD_BYTES))
    return _plain(ipaddress.ip_address(raw)), int(port, 16)
