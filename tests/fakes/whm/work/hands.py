"""File operations in a home, carried out by a process of the account itself."""

import base64
import functools
import json
import posixpath
import pwd
import socket
import subprocess
import sys
from pathlib import Path

from tests.fakes.whm.protocol.texts import Refusal

SOURCE = Path(__file__).with_name("hands_child.py").read_text()
ANSWER_SECONDS = 300


class FileError(Exception):
    """The system said no; `text` is its word for it."""

    def __init__(self, text):
        super().__init__(text)
        self.text = text


@functools.cache
def _helper():
    """Return (the process that starts those of accounts, the socket that brings it sockets); it ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        return subprocess.Popen([sys.executable, "-I", "-S", "-c", SOURCE], stdin=theirs, cwd="/"), ours


def _answer(request):
    """Return what a process answers to `request`, nothing when it failed."""
    _process, asking = _helper()
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            socket.send_fds(asking, [b"."], [theirs.fileno()])
        ours.settimeout(ANSWER_SECONDS)
        ours.sendall(request)
        ours.shutdown(socket.SHUT_WR)
        with ours.makefile("rb") as stream:
            return stream.read()


def run(account, operation, path, **more):
    """Carry out `operation` on `path` (absolute) as `account`; return its value. Raises FileError."""
    entry = pwd.getpwnam(account.user)
    if isinstance(more.get("content"), bytes):
        more["content"] = base64.b64encode(more["content"]).decode("ascii")
    request = {**more, "operation": operation, "path": path, "uid": entry.pw_uid, "gid": entry.pw_gid}
    request["full"] = account.quota_full
    answer = json.loads(_answer(json.dumps(request).encode("utf-8", "surrogateescape")))
    if "error" in answer:
        raise FileError(answer["error"])
    return answer["value"]


def read(account, path):
    """Return a file's bytes."""
    return base64.b64decode(run(account, "read", path))


def resolve(account, folder="", name=""):
    """Return the absolute path of `name` in `folder` (absolute, or relative to the home). Raises Refusal outside."""
    path = posixpath.normpath(posixpath.join(account.home, folder, name))
    if path != account.home and not path.startswith(account.home + "/"):
        raise Refusal("path_outside", name=posixpath.join(folder, name))
    return path
