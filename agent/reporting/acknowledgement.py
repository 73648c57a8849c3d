"""Acknowledgements through the panel: ~/.shoplaunch/ack, accepted only when signed for this attempt."""

import os

from agent.base.ed25519 import verify
from agent.base.plain_files import open_plain
from shared.ack import check_ack
from shared.errors import ShoplaunchError
from shared.job import ACK_FILE
from shared.signing import PURPOSE_ACK, load_signed

MYPY = False
if MYPY:
    from typing import Iterable

    from shared.documents import Ack

MAX_BYTES = 64 * 1024


class AckFile:
    """The file in `folder` (~/.shoplaunch) for `job` (id) and `attempt`; safe to use from several threads."""

    def __init__(self, folder: str, job: str, attempt: int, keys: "Iterable[bytes]") -> None:
        self._path = os.path.join(folder, ACK_FILE)
        self._concerned = (job, attempt)
        self._keys = keys
        self._seen: "bytes | None" = None

    def read(self) -> "Ack | None":
        """Return the payload of a new file that is for this attempt, else None."""
        try:
            descriptor = open_plain(self._path, os.O_NOFOLLOW)
        except OSError:
            descriptor = None
        if descriptor is None:
            # No file, or one that the controller could not have put there
            return None
        with os.fdopen(descriptor, "rb") as stream:
            raw = stream.read(MAX_BYTES)
        if not raw or raw == self._seen:
            return None
        try:
            payload: "Ack | None" = check_ack(load_signed(PURPOSE_ACK, self._keys, raw.strip(), verify))
        except ShoplaunchError:
            payload = None
        self._seen = raw
        return payload if payload and (payload["job"], payload["attempt"]) == self._concerned else None
