"""Any exception as a ShoplaunchError: what the operating system said becomes a code with advice."""

import errno
import os

from shared.errors import ShoplaunchError

CODES: "dict[int | None, str]" = {
    errno.EDQUOT: "quota_reached",
    # The account may write no larger file (RLIMIT_FSIZE)
    errno.EFBIG: "quota_reached",
    errno.ENOSPC: "quota_reached",
    errno.EROFS: "read_only",
}


def as_failure(error: BaseException) -> "ShoplaunchError":
    """Return `error` as a ShoplaunchError; an OSError by its number, everything else as `internal`."""
    if isinstance(error, ShoplaunchError):
        return error
    if isinstance(error, OSError):
        name = error.filename if isinstance(error.filename, str) else ""
        message = "{} {}".format(error.strerror or type(error).__name__, name).strip()
        return ShoplaunchError(CODES.get(error.errno, "file_error"), message.encode("ascii", "replace").decode("ascii"))
    return ShoplaunchError("internal", "{} at {}".format(type(error).__name__, _place(error)))


def _place(error: BaseException) -> str:
    """Return where `error` was raised; its own text may hold anything, secrets too."""
    # Here, not above: it takes a while to load, and mostly nothing of the kind happens
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "an unknown place"
    return "{}:{} ({})".format(os.path.basename(frames[-1][0]), frames[-1][1], frames[-1][2])
