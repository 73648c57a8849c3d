"""Run one file operation below an account's home as the account, never through a link.

Started by run.py as root with `python -I -S -c SOURCE`, together with account_files.py; everything it needs is imported
before the rights are dropped: the account may not read the interpreter. In and out come one JSON line, then raw bytes.
Standard library only.
"""

import contextlib
import errno
import json
import os
import signal
import stat
import sys
from typing import Any

from controller.panels.local.as_account.account_files import (
    FIRST_UID,
    Missing,
    Refused,
    check_replaceable,
    copy,
    drop_rights,
    enter,
    hash_file,
    names_in,
    open_file,
    open_home,
    pieces,
    status_of_name,
    walk,
)

MAX_NAMES = 10_000
#: A new account never has more entries or deeper folders.
MAX_ENTRIES, MAX_DEPTH = 500, 64
CODES = {errno.ENOSPC: "disk_space", errno.EDQUOT: "quota_reached", errno.EROFS: "read_only"}

Request = dict[str, Any]


def _open(home: int, request: Request) -> int | None:
    """Return an open descriptor of the file at `parts`, None where there is none."""
    *above, name = request["parts"]
    try:
        folder = walk(home, above)
    except Missing:
        return None
    return open_file(folder, name)


def do_read(home: int, request: Request) -> tuple[Request, bytes]:
    """Answer with the bytes of the file at `parts`, `limit` at most; `found` is false where there is none."""
    file = _open(home, request)
    return ({"found": False}, b"") if file is None else ({"found": True}, b"".join(pieces(file, request["limit"])))


def do_sha256(home: int, request: Request) -> tuple[Request, bytes]:
    """Answer with the file's digest, `sha256` null where there is none."""
    file = _open(home, request)
    return {"sha256": None if file is None else hash_file(file, request["limit"])}, b""


def do_list(home: int, request: Request) -> tuple[Request, bytes]:
    """Answer with the names in the folder at `parts`, null where there is none."""
    try:
        folder = walk(home, request["parts"])
    except Missing:
        return {"names": None}, b""
    names = names_in(folder, MAX_NAMES + 1)
    if len(names) > MAX_NAMES:
        raise Refused(f"the folder holds more than {MAX_NAMES} entries")
    return {"names": sorted(names)}, b""


def do_entries(home: int, request: Request) -> tuple[Request, bytes]:
    """Answer with path -> description of everything in the home except the names `without`; null if too much."""
    found: dict[str, str] = {}
    waiting = [("", os.dup(home))]
    while waiting:
        path, folder = waiting.pop()
        for name in names_in(folder, MAX_ENTRIES + len(request["without"]) + 1):
            inner = f"{path}{name}"
            if inner in request["without"]:
                continue
            try:
                status = status_of_name(folder, name)
            except FileNotFoundError:
                continue
            except (Refused, OSError) as error:
                found[inner] = f"{error}"
                continue
            found[inner] = f"{status.st_mode:o}"
            if stat.S_ISDIR(status.st_mode):
                if inner.count("/") == MAX_DEPTH:
                    return {"entries": None}, b""
                if status.st_uid == os.geteuid():
                    found[inner] += " closed"
                    with contextlib.suppress(Missing, Refused):
                        waiting.append((f"{inner}/", enter(folder, name)))
                        found[inner] = f"{status.st_mode:o}"
            else:
                found[inner] += f" {status.st_size} {status.st_mtime_ns}"
            if len(found) > MAX_ENTRIES:
                return {"entries": None}, b""
        os.close(folder)
    return {"entries": found}, b""


def do_put(home: int, request: Request) -> tuple[Request, bytes]:
    """Make the file at `parts` hold the bytes of descriptor `source` (digest `sha256`) with `mode`."""
    *above, name = request["parts"]
    folder = walk(home, above, request["folder_mode"])
    check_replaceable(folder, name)
    present, size = open_file(folder, name), os.fstat(request["source"]).st_size
    if present is not None:
        same = (stat.S_IMODE(os.fstat(present).st_mode), os.fstat(present).st_size) == (request["mode"], size)
        if same and hash_file(present, size) == request["sha256"]:
            return {"changed": False}, b""
    temporary = f".{name[:100]}.{os.urandom(8).hex()}.new"
    file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        copy(request["source"], file)
        if hash_file(file, size) != request["sha256"]:
            raise OSError(errno.EIO, "the file does not read back as it was written")
        os.fchmod(file, request["mode"])
        os.fsync(file)
        # Renaming replaces whatever is there by then; it never writes through it.
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(temporary, dir_fd=folder)
        raise
    os.fsync(folder)
    return {"changed": True}, b""


def do_folders(home: int, request: Request) -> tuple[Request, bytes]:
    """Make each of `folders` ({"parts", "mode", "group"}) a folder of the account; group null is its own."""
    changed = False
    for wanted in request["folders"]:
        parts = wanted["parts"]
        try:
            folder = walk(home, parts)
        except Missing:
            folder = walk(home, parts, 0o700)
            changed = True
        status = os.fstat(folder)
        group = os.getgid() if wanted["group"] is None else wanted["group"]
        if status.st_gid != group:
            os.fchown(folder, -1, group)
            changed = True
        if stat.S_IMODE(status.st_mode) != wanted["mode"]:
            os.fchmod(folder, wanted["mode"])
            changed = True
    return {"changed": changed}, b""


def do_kill(home: int, request: Request) -> tuple[Request, bytes]:
    """End every other process of the account."""
    if os.geteuid() != request["uid"] or min(os.getresuid()) < FIRST_UID:
        raise PermissionError("the rights were not dropped")
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return {"killed": False}, b""
    return {"killed": True}, b""


OPERATIONS = {
    "read": do_read, "sha256": do_sha256, "list": do_list, "entries": do_entries, "put": do_put,
    "folders": do_folders, "kill": do_kill,
}  # fmt: skip


def answer(request: Request) -> tuple[Request, bytes]:
    """Carry `request` out as the account; failures become {"error", "message"}."""
    try:
        drop_rights(request["uid"], request["gid"], request["groups"])
        # Killing needs no home, and must still work for an account whose home is half removed.
        home = -1 if request["operation"] == "kill" else open_home(request["base"], request["name"])
        return OPERATIONS[request["operation"]](home, request)
    except Refused as error:
        return {"error": error.code, "message": str(error)}, b""
    except Missing as error:
        return {"error": "file_error", "message": f"there is no {error}"}, b""
    except OSError as error:
        code = CODES.get(error.errno or 0, "file_error")
        return {"error": code, "message": f"{error.strerror or error} ({error.filename or request['operation']})"}, b""


def main() -> None:
    """Answer the one request on standard input."""
    request = json.loads(sys.stdin.buffer.readline())
    result, content = answer(request)
    sys.stdout.buffer.write(json.dumps(result).encode("ascii") + b"\n" + content)


if __name__ == "__main__":
    main()
