"""Remove files and folders as the account: never through a link, never beyond its file system.

Started by run.py as root together with helper.py, whose operations it extends, and account_files.py.
Standard library only.
"""

import contextlib
import itertools
import os
import stat

from controller.panels.local.as_account.account_files import (
    Missing,
    Refused,
    names_in,
    open_for_removal,
    status_of_name,
    walk,
)
from controller.panels.local.as_account.helper import MAX_NAMES, OPERATIONS, Request, main

#: Deeper folders are first moved up, so that no tree exhausts descriptors or the interpreter's stack.
MAX_DEPTH, MAX_PASSES = 64, 100_000


def do_remove(home: int, request: Request) -> tuple[Request, bytes]:
    """Remove everything at `parts` (no parts: in the home, which itself stays). The target of a link stays."""
    parts = request["parts"]
    if not parts:
        return {"removed": clear(home)}, b""
    name = parts[-1]
    try:
        above = walk(home, parts[:-1])
        status = status_of_name(above, name)
    except (Missing, FileNotFoundError):
        return {"removed": 0}, b""
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(name, dir_fd=above)
        return {"removed": 1}, b""
    removed = clear(open_for_removal(above, name))
    os.rmdir(name, dir_fd=above)
    return {"removed": removed + 1}, b""


def clear(top: int) -> int:
    """Remove everything in the folder `top`; return how many entries were removed. Never leaves its file system."""
    removed = 0
    for _ in range(MAX_PASSES):
        removed += clear_level(top, top, 0)
        if not names_in(top, 1):
            return removed
    raise Refused("the folder is filled faster than it can be emptied")


def clear_level(top: int, folder: int, depth: int) -> int:
    """Remove the entries of `folder`, and move folders deeper than MAX_DEPTH up to `top` for the next pass."""
    removed = 0
    with os.scandir(folder) as entries:
        some = itertools.islice(entries, MAX_NAMES)
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in some]
    for name, is_folder in names:
        try:
            if not is_folder:
                os.unlink(name, dir_fd=folder)
            elif depth == MAX_DEPTH:
                os.rename(name, f".shoplaunch-removing-{os.urandom(8).hex()}", src_dir_fd=folder, dst_dir_fd=top)
            else:
                removed += clear_folder(top, folder, name, depth)
        except (Missing, FileNotFoundError, NotADirectoryError, IsADirectoryError):
            # It has changed its type meanwhile; the next pass handles it.
            continue
        removed += 1
    return removed


def clear_folder(top: int, above: int, name: str, depth: int) -> int:
    """Remove the folder `name` in `above` with its content, as far as its depth allows."""
    inner = open_for_removal(above, name)
    try:
        if os.fstat(inner).st_dev != os.fstat(top).st_dev:
            raise Refused(f"{name} is another file system")
        removed = clear_level(top, inner, depth + 1)
    finally:
        os.close(inner)
    with contextlib.suppress(OSError):
        # The next pass handles entries that were moved away or added meanwhile.
        os.rmdir(name, dir_fd=above)
    return removed


if __name__ == "__main__":
    OPERATIONS["remove"] = do_remove
    main()
