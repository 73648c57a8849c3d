"""File permissions in ~/.shoplaunch: only the account may read and write, whatever process created a file."""

import os
import stat

from shared.errors import ShoplaunchError

FOLDER_MODE = 0o700
#: The permission bits of group and others, which no file here may have.
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def tighten(folder: str) -> None:
    """Close `folder` to other users, and its files where that is possible. Raises OSError.

    Files of other users stay as they are, and so do files that others could have written: they must not look
    trustworthy.
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
            # The file was moved, or is immutable: the closed folder protects it
            continue


def check_written_by_us_alone(found: "os.stat_result") -> None:
    """Raise ShoplaunchError `job_exposed` when another user could have written the job file; `found` is its fstat."""
    if _is_exposed(found):
        raise ShoplaunchError("job_exposed", "others than the account can write the job file")


def _is_exposed(found: "os.stat_result") -> bool:
    by_group = found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid()
    return found.st_uid != os.geteuid() or bool(found.st_mode & stat.S_IWOTH or by_group)
