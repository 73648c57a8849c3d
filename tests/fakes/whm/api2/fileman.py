"""API 2 Fileman: folders, modes, removals; one row per source, and a failed row leaves event.result at 1."""

import posixpath
import time
from functools import partial

from tests.fakes.whm.protocol.registry import api2
from tests.fakes.whm.protocol.texts import Refusal
from tests.fakes.whm.work import hands
from tests.fakes.whm.work.hands import FileError

fileman = partial(api2, "Fileman", feature="filemanager")
OPERATIONS = ("copy", "move", "rename", "chmod", "extract", "link", "unlink", "trash")


def _mode(text, default):
    return int(text, 8) if text else default


def _make(account, operation, args, default):
    name = args["name"]
    if "/" in name or name in ("", ".", ".."):
        raise Refusal("name_invalid", name=name)
    path = hands.resolve(account, args.get("path", ""), name)
    mode = _mode(args.get("permissions"), default)
    try:
        hands.run(account, operation, path, mode=mode)
    except FileError as error:
        raise Refusal("system", error=f"{path}: {error.text}") from None
    return [{"path": posixpath.dirname(path), "name": name, "permissions": f"{mode:04o}"}]


@fileman("mkdir", ("name",), ("path", "permissions"), changes=True)
def mkdir(_double, account, args):
    """Make a folder."""
    return _make(account, "mkdir", args, 0o755)


@fileman("mkfile", ("name",), ("path", "permissions"), changes=True)
def mkfile(_double, account, args):
    """Make an empty file."""
    return _make(account, "mkfile", args, 0o644)


@fileman("fileop", ("op", "sourcefiles"), ("destfiles", "metadata", "doubledecode"), changes=True)
def fileop(double, account, args):
    """Do one thing to each of the sources, which are separated by commas."""
    if args["op"] not in OPERATIONS:
        raise Refusal("name_invalid", name=args["op"])
    sources = args["sourcefiles"].split(",")
    targets = args.get("destfiles", "").split(",")
    rows = []
    for index, source in enumerate(sources):
        target = targets[min(index, len(targets) - 1)]
        path = hands.resolve(account, source)
        row = {"src": path, "dest": hands.resolve(account, target) if target else path}
        try:
            _operate(double, account, args, path, row["dest"])
        except FileError as error:
            rows.append({**row, "result": 0, "err": error.text})
            continue
        rows.append({**row, "result": 1})
    return rows


def _operate(double, account, args, path, target):
    operation = args["op"]
    if operation == "chmod":
        hands.run(account, "chmod", path, mode=_mode(args.get("metadata"), 0o644))
    elif operation == "unlink":
        hands.run(account, "unlink", path, recursive=double.quirks.unlink_recursive)
    elif operation == "trash":
        trash = f"{account.home}/.trash"
        if hands.run(account, "stat", trash) is None:
            hands.run(account, "mkdir", trash, mode=0o700)
        hands.run(account, "move", path, target=f"{trash}/{posixpath.basename(path)}.{time.time_ns()}")
    else:
        hands.run(account, "move" if operation == "rename" else operation, path, target=target)
