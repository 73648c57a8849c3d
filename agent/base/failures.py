"""Converts any exception to a ShoplaunchError: an operating system error becomes a code with advice."""

import errno
import os

from shared.errors import ShoplaunchError

#: The account's processes may have too few of something.
ACCOUNT_LIMITS = "account_limits"
CODES: "dict[int | None, str]" = {
    errno.EDQUOT: "quota_reached",
    # RLIMIT_FSIZE: the account may not write a larger file
    errno.EFBIG: "quota_reached",
    errno.ENOSPC: "quota_reached",
    errno.EROFS: "read_only",
    errno.EMFILE: ACCOUNT_LIMITS,
    errno.ENOMEM: ACCOUNT_LIMITS,
}


def as_failure(error: BaseException) -> "ShoplaunchError":
    """Return `error` as a ShoplaunchError; an OSError by its errno, everything else as `internal`."""
    if isinstance(error, ShoplaunchError):
        return error
    if isinstance(error, OSError):
        name = error.filename if isinstance(error.filename, str) else ""
        message = "{} {}".format(error.strerror or type(error).__name__, name).strip()
        return ShoplaunchError(CODES.get(error.errno, "file_error"), message.encode("ascii", "replace").decode("ascii"))
    if isinstance(error, MemoryError):
        return ShoplaunchError(ACCOUNT_LIMITS, "the agent may use no more memory")
    return ShoplaunchError("internal", "{} at {}".format(type(error).__name__, _place(error)))


def _place(error: BaseException) -> str:
    """Return where `error` was raised; its own text is left out, it may hold secrets."""
    # Imported here: slow to load, and rarely needed
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    return "{}:{} ({})".format(os.path.basename(frames[-1][0]), frames[-1][1], frames[-1][2])
