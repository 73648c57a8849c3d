"""Starters: the controller's PHP files in the document root that start the agent; finds and removes leftover ones."""

import errno
import os
import stat

from shared.starter import MARK, NAME, PROBE, is_starter

MYPY = False
if MYPY:
    from agent.base.log import Log
    from shared.documents import Job


def names(job: "Job") -> "list[str]":
    """Return the names of this and earlier attempts' starters and of the files they may leave, as a list."""
    known = job.get("document_root", {}).get("starters", ())
    return [name + end for name in known if NAME.match(name) for end in ("", PROBE)]


def is_starter_file(path: str) -> bool:
    """Return whether the file at `path`, named like a starter, is one; a file of the account's owner is not."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        # A link, or missing. A scanner of the host may have taken away every right to a starter
        return error.errno == errno.EACCES and _is_plain(path)
    try:
        found = os.fstat(handle)
        content = os.read(handle, len(MARK)) if stat.S_ISREG(found.st_mode) else None
    except OSError:
        return False
    finally:
        os.close(handle)
    return content is not None and is_starter(content)


def _is_plain(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def remove(job: "Job", log: "Log") -> None:
    """Remove the starters of `job` from its domain's document root. A failure is only logged: a starter does no more
    than cron does, and nothing once the launcher is gone."""
    root, folder = job["account"]["root"].rstrip("/"), job.get("document_root", {}).get("folder")
    if folder:
        root = root[: -len(folder)].rstrip("/")
    for name in names(job):
        path = os.path.join(root, name)
        if not is_starter_file(path):
            continue
        try:
            os.unlink(path)
        except OSError as error:
            if error.errno != errno.ENOENT:
                log.info("the starter %s stays: %s", name, error.strerror)
