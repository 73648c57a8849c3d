"""Starters: PHP files of the controller's in the document root that start the agent; one nobody asked for goes."""

import errno
import os
import stat

from shared.starter import MARK, NAME, PROBE, is_starter

MYPY = False
if MYPY:
    from agent.base.log import Log
    from shared.documents import Job


def names(job: "Job") -> "list[str]":
    """Return the names of this and earlier attempts' starters and of what they may leave, as a list."""
    known = job.get("document_root", {}).get("starters", ())
    return [name + end for name in known if NAME.match(name) for end in ("", PROBE)]


def is_ours(path: str) -> bool:
    """Tell whether the file at `path`, whose name is a starter's, is one; a file the account put there is its own."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        # A link, or gone: a starter can be read
        return False
    try:
        found = os.fstat(handle)
        content = os.read(handle, len(MARK)) if stat.S_ISREG(found.st_mode) else None
    except OSError:
        return False
    finally:
        os.close(handle)
    return content is not None and is_starter(content)


def remove(job: "Job", log: "Log") -> None:
    """No starter of `job` is left in its domain's document root. What cannot be removed is logged: it does nothing that
    cron does not do, and nothing at all once the launcher is gone."""
    root, folder = job["account"]["root"].rstrip("/"), job.get("document_root", {}).get("folder")
    if folder:
        root = root[: -len(folder)].rstrip("/")
    for name in names(job):
        path = os.path.join(root, name)
        if not is_ours(path):
            continue
        try:
            os.unlink(path)
        except OSError as error:
            if error.errno != errno.ENOENT:
                log.info("the starter %s stays: %s", name, error.strerror)
