"""The agent's log: a file of limited size, its tail in memory for failure events, no secret in either."""

import os
import threading
import time
from collections import deque

from shared.job import LOG_FILE
from shared.plain_lines import escaped

MYPY = False
if MYPY:
    from typing import Callable, Iterable

    from shared.documents import Job

MAX_BYTES = 256 * 1024
TAIL_LINES = 80
MAX_LINE = 1000
#: Shorter values would blank out harmless words.
SHORTEST_SECRET = 6


def secrets_of(job: "Job") -> "list[str]":
    """Return the values of `job` that must never be written (list of str)."""
    named = [value for name, value in job["values"].items() if _is_secret(name)]
    # Who has the address of a bundle in a store may fetch it
    query = job.get("bundle", {}).get("url", "").partition("?")[2]
    return [job["callback"]["token"]] + named + ([query] if query else [])


def _is_secret(name: str) -> bool:
    return name.startswith("secret.") or name in ("db.password", "admin.password_hash")


def redact(text: str, secrets: "Iterable[str]") -> str:
    """Return `text` with each of `secrets` (str) replaced by three stars."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def printable(text: str) -> str:
    """Return `text` with bytes that are not UTF-8 (in file names) as backslash escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class Log:
    """Writes lines to `agent.log` in `folder`; a full file is renamed to `agent.log.1` and a new one begun.

    A log that cannot be written (full disk) keeps its tail in memory: the work must not fail because of its log.
    """

    def __init__(self, folder: str, clock: "Callable[[], float]" = time.time) -> None:
        self._path: "str | None" = os.path.join(folder, LOG_FILE)
        self._clock = clock
        self._secrets: "list[str]" = []
        self._tail: "deque[str]" = deque(maxlen=TAIL_LINES)
        self._guard = threading.Lock()

    def hide(self, secrets: "Iterable[str]") -> None:
        """Replace `secrets` (str) by stars in everything written from now on."""
        self._secrets = sorted(secrets, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return `text` (str) without any of the secrets."""
        return redact(text, self._secrets)

    def info(self, message: str, *values: object) -> None:
        """Write one line; `values` fill the % places of `message`."""
        # Names and answers of others must neither begin a line nor command the terminal that shows it
        text = printable(self.redact(message % values if values else message)).replace("\n", " | ")
        text = escaped(text[:MAX_LINE])[:MAX_LINE]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        line = "{} {}".format(stamp, text)
        with self._guard:
            self._tail.append(line)
            if self._path is None:
                return
            try:
                self._write(self._path, (line + "\n").encode("utf-8"))
            except OSError as error:
                self._tail.append("{} (the log cannot be written: {})".format(stamp, error.strerror))

    def _write(self, path: str, data: bytes) -> None:
        # A pipe without a reader may stand there; the log must not block
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            os.write(descriptor, data)
            full = os.fstat(descriptor).st_size > MAX_BYTES
        finally:
            os.close(descriptor)
        if full:
            os.replace(path, path + ".1")

    def close(self) -> None:
        """Keep further lines in memory only: the folder is about to be removed."""
        with self._guard:
            self._path = None

    def tail(self) -> "list[str]":
        """Return the last lines, oldest first (list of str)."""
        with self._guard:
            return list(self._tail)
