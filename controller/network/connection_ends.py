"""Who holds the ends of this machine's connections: the users of the sockets at a port, asked of the kernel.

It is asked by netlink for the few that matter (linux/inet_diag.h, sock_diag(7)). Where that is closed to a hardened
service, its tables in /proc are read: some milliseconds each time, more on a machine with many connections.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: Of this process: a hardened service sees nothing of /proc but processes.
_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LISTENS = "0A"
_WORD_BYTES = 4
#: netlink(7): sock_diag's family, its only question, and the flags of a question for one or for all.
_SOCK_DIAG, _BY_FAMILY, _ONE, _ALL = 4, 20, 0x001, 0x301
_ERROR, _DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_NUMBER = struct.Struct("=i")
#: Family, protocol, two unused, states; then ports and addresses in the network's order; interface and any cookie.
_QUESTION = struct.Struct("=BBBBI")
_PLACES = struct.Struct("!HH16s16s")
_INTERFACE = struct.Struct("=Iq")
_ANY = -1
_TCP_LISTEN = 10
_UID = struct.Struct("=I")
_UID_AT = 4 + _PLACES.size + _INTERFACE.size + 12
_SECONDS = 5.0
_BYTES = 65_536
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: An address and a port.
Place = tuple[Address, int]


class End(NamedTuple):
    """One end of a connection, or a socket that waits for connections, and its user."""

    address: Address
    peer: Place
    listens: bool
    uid: int


def place(name: tuple[str, int]) -> Place:
    """Return the place that a socket's name says; IPv4 within IPv6 as IPv4."""
    return _plain(ipaddress.ip_address(name[0].partition("%")[0])), name[1]


def ends(there: Place, here: Place) -> list[End]:
    """Return the sockets that wait for connections at the port of `there`, and its end of the connection to `here`.

    Of the tables it returns other ends of that port too. Raises OSError where the kernel tells nothing.
    """
    try:
        return list(_asked(there, here))
    except OSError:
        return list(_read(there[1]))


def _asked(there: Place, here: Place) -> Iterator[End]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.settimeout(_SECONDS)
        port = _PLACES.pack(there[1], 0, b"", b"") + _INTERFACE.pack(0, _ANY)
        for family in (socket.AF_INET, socket.AF_INET6):
            yield from _answers(kernel, _ALL, family, 1 << _TCP_LISTEN, port)
        # A socket that is bound to the interface of these connections is found only there
        loopback = _INTERFACE.pack(socket.if_nametoindex("lo"), _ANY)
        both = _PLACES.pack(there[1], here[1], there[0].packed, here[0].packed)
        family = socket.AF_INET if there[0].version == 4 else socket.AF_INET6
        yield from _answers(kernel, _ONE, family, 0xFFFFFFFF, both + loopback)


def _answers(kernel: socket.socket, flags: int, family: int, states: int, which: bytes) -> Iterator[End]:
    question = _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, states) + which
    kernel.send(_HEADER.pack(_HEADER.size + len(question), _BY_FAMILY, flags, 0, 0) + question)
    while True:
        data = kernel.recv(_BYTES)
        while data:
            length, kind, *_ = _HEADER.unpack_from(data)
            body, data = data[_HEADER.size : length], data[length:]
            if kind in (_ERROR, _DONE):
                (failed,) = _NUMBER.unpack_from(body)
                # That one connection may be gone; a kernel that cannot tell says the same of all
                if failed and (failed, flags) != (-errno.ENOENT, _ONE):
                    raise OSError(-failed, os.strerror(-failed))
                return
            yield _end(body)
            if flags == _ONE:
                return


def _end(body: bytes) -> End:
    """Return the end that a `struct inet_diag_msg` tells of."""
    family, state = body[0], body[1]
    _, other, address, peer = _PLACES.unpack_from(body, 4)
    size = 4 if family == socket.AF_INET else 16
    (uid,) = _UID.unpack_from(body, _UID_AT)
    return End(_address(address[:size]), (_address(peer[:size]), other), state == _TCP_LISTEN, uid)


def _read(port: int) -> Iterator[End]:
    """Yield the ends at a port out of the tables; the others are not looked at: a busy web server has thousands."""
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
                yield End(_place(fields[1])[0], _place(fields[2]), fields[3] == _LISTENS, int(fields[7]))


def _place(text: str) -> Place:
    """Return the place in a table's field: words in this machine's own order of bytes, in hexadecimal."""
    digits, _, port = text.partition(":")
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + _WORD_BYTES][::-1] for at in range(0, len(raw), _WORD_BYTES))
    return _address(raw), int(port, 16)


def _address(raw: bytes) -> Address:
    return _plain(ipaddress.ip_address(raw))


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped
