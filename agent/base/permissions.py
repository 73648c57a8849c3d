"""Who may read and write what lies in ~/.shoplaunch: the account alone, however it came there."""

import os
import stat

from shared.errors import ShoplaunchError

FOLDER_MODE = 0o700
#: What the group and all others are allowed, of any file here: nothing.
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def tighten(folder: str) -> None:
    """`folder` is closed to everybody else, and so are the files in it where that can be; raises OSError.

    What is not ours stays as it is, and so does what somebody else could have written: it must not look trustworthy.
    """
    if os.stat(folder).st_mode & OTHERS:
        os.chmod(folder, FOLDER_MODE)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            found = os.lstat(path)
            if stat.S_ISREG(found.st_mode) and found.st_mode & OTHERS and not _is_exposed(found):
                os.chmod(path, stat.S_IMODE(found.st_mode) & ~OTHERS)
        except OSError:
            # One that was moved into another's place, or that somebody has made immutable: the folder is closed
            continue


def check_written_by_us_alone(found: "os.stat_result") -> None:
    """Raise ShoplaunchError `job_exposed` when somebody else could have written the job file, `found` by os.fstat."""
    if _is_exposed(found):
        raise ShoplaunchError("job_exposed", "others than the account can write the job file")


def _is_exposed(found: "os.stat_result") -> bool:
    by_group = found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid()
    return found.st_uid != os.geteuid() or bool(found.st_mode & stat.S_IWOTH or by_group)
