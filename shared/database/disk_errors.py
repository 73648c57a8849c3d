"""What an error of a MySQL or MariaDB server says of its machine: a disk is full or cannot be written to, or it has run
out of memory, files or threads.

The server's own number only says that a file failed; the number of the operating system, or of the storage engine, is
in the text: `(Errcode: 28 "No space left on device")`, `errno: 135`, `Got error 28 from storage engine`.
"""

import re

#: Full by their number alone: ER_DISK_FULL, ER_RECORD_FILE_FULL, ER_TEMP_FILE_WRITE_FAILURE.
FULL = (1021, 1114, 1878)
#: Errors of files and of storage, besides those of files below 1000: ER_CANT_CREATE_FILE, ER_CANT_CREATE_TABLE,
#: ER_CANT_CREATE_DB, ER_CANT_OPEN_FILE, ER_ERROR_ON_WRITE, ER_GET_ERRNO, ER_GET_ERRMSG, and their like.
_OF_FILES = (1002, 1003, 1004, 1005, 1006, 1016, 1026, 1030, 1296)
_FIRST_OF_SERVER = 1000
_NUMBER = re.compile(r"\b(errcode:? ?|errno:? ?|error:? )([0-9]{1,3})\b", re.IGNORECASE)
#: ENOSPC, EDQUOT; the engine's HA_ERR_RECORD_FILE_FULL, and InnoDB's DB_TEMP_FILE_WRITE_FAIL.
_FULL_SAYS = ("28", "122", "135", "59")
#: As an error of a storage engine this number is that of any internal error.
_EDQUOT = "122"
_READ_ONLY_SAYS = ("30",)
#: EAGAIN, ENOMEM, ENFILE, EMFILE.
_BUSY_SAYS = ("11", "12", "23", "24")


def cause(number: int, text: str) -> "str | None":
    """Return "full", "read_only" or "busy" for what the server's machine lacks by its error `number` and `text`; None
    where it is something else."""
    if number in FULL:
        return "full"
    if not (0 < number < _FIRST_OF_SERVER or number in _OF_FILES):
        return None
    found = _NUMBER.search(text)
    if found is None:
        return None
    said = found.group(2)
    if said == _EDQUOT and found.group(1).lower().startswith("error") and "quota" not in text.lower():
        return None
    for name, numbers in (("full", _FULL_SAYS), ("read_only", _READ_ONLY_SAYS), ("busy", _BUSY_SAYS)):
        if said in numbers:
            return name
    return None
