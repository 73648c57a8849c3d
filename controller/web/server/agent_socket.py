"""The Unix socket on which `serve` listens for the agents of its own machine, where any account may hold a port.

Each `serve` listens at its own name in the socket's folder; a symbolic link leads to the newest and is replaced
atomically. So there is no gap between two of them, and one that cannot start takes nothing from one that runs.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from shared.controller_socket import PATH_BYTES, ROOT, check_place
from shared.errors import ShoplaunchError

AGENT_PATHS = "/api/v1/agent/"
FOLDER_MODE, SOCKET_MODE = 0o711, 0o666
BACKLOG = 2048
#: The socket name of one `serve`, and of the link to it until that takes the place of the last one.
_OWN, _NEXT = re.compile(r"agents-[0-9a-f]{8}\Z"), re.compile(r"agents-[0-9a-f]{8}\.new\Z")
_ENDED_SECONDS = 1.0
Environment = dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, where agents look for the controller.

    Raises ShoplaunchError `controller_foreign` where accounts could put another one there, `config_invalid`.
    """
    own = path.parent / f"agents-{secrets.token_hex(4)}"
    if len(os.fsencode(max(path, own, key=lambda one: len(str(one))))) > PATH_BYTES:
        raise ShoplaunchError("config_invalid", f"agent_socket: {path} is too long for a socket; name a shorter path")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _make_folder(path.parent)
        _check_free(path)
        _remove_ended(path.parent)
        listener.bind(str(own))
        own.chmod(SOCKET_MODE)
        listener.listen(BACKLOG)
        check_place(str(own.parent.resolve() / own.name), (ROOT, os.geteuid()))
        _lead(path, own.name)
    except OSError as problem:
        listener.close()
        raise ShoplaunchError("config_invalid", f"agent_socket: {path}: {problem.strerror}") from None
    except BaseException:
        listener.close()
        own.unlink(missing_ok=True)
        raise
    return listener


def _make_folder(folder: Path) -> None:
    """Make sure that the folder exists; in a new one accounts may connect to sockets, and do nothing else."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return
    folder.chmod(FOLDER_MODE)


def _check_free(path: Path) -> None:
    if os.path.lexists(path) and not path.is_symlink():
        raise ShoplaunchError("config_invalid", f"agent_socket: {path} exists and is not a socket")


def _remove_ended(folder: Path) -> None:
    """Remove the sockets of processes that were killed, and links that never took their place."""
    for one in folder.iterdir():
        is_own = _OWN.match(one.name) and stat.S_ISSOCK(one.lstat().st_mode)
        is_next = _NEXT.match(one.name) and one.is_symlink()
        if (is_own or is_next) and not _answers(one):
            one.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_ENDED_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            # It is only busy, or has just ended normally
            return True
    return True


def _lead(path: Path, name: str) -> None:
    """Point `path` to the socket `name` in its folder, atomically."""
    link = path.parent / f"{name}.new"
    link.symlink_to(name)
    link.rename(path)


def agents_only(application: Application, folder: Path) -> Application:
    """Return `application` with only the agents' paths open to those who connect through a socket in `folder`.

    Such clients have no address that distinguishes them, so nothing may depend on it.
    """
    place = str(folder) + "/"

    def serve(environment: Environment, start: Callable[..., object]) -> Iterable[bytes]:
        connection = environment.get("gunicorn.socket")
        by_socket = isinstance(connection, socket.socket) and _name(connection).startswith(place)
        if by_socket and not environment.get("PATH_INFO", "").startswith(AGENT_PATHS):
            start("404 Not Found", [("Content-Length", "0")])
            return []
        return application(environment, start)

    return serve


def _name(connection: socket.socket) -> str:
    name = connection.getsockname()
    return name if isinstance(name, str) else ""
