"""The starter's text and name: a file in the document root, through which the site's own PHP starts the agent."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from controller.panels.start import WEB
from shared.job import FOLDER, LAUNCHER_FILE, START_VARIABLE
from shared.starter import MOST, PREFIX, SUFFIX

MODE = 0o644
#: The part of an answer that is searched for the starter's own.
ANSWER_BYTES = 64 * 1024
_TEMPLATE = Path(__file__).with_name("starter.php")
#: A home that needs no quoting in a shell.
_HOME = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+\Z")
_USER = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
#: The starter's answers -> why nothing was started.
_REASONS = {
    "not_owner": "php_not_the_account",
    "disabled": "functions_disabled",
    "unproven": "failed",
    "stuck": "failed",
    "failed": "failed",
    "not_post": "refused_by_site",
    "not_first": "took_too_long",
}


@dataclass(frozen=True)
class Starter:
    """The starter of one attempt: `name` and `nonce` depend on `key`, job and attempt only."""

    key: bytes = field(repr=False)
    job_id: str
    attempt: int

    @property
    def name(self) -> str:
        """Return the file's name, which cannot be guessed without the key."""
        return f"{PREFIX}{self._digest('name')}{SUFFIX}"

    @property
    def nonce(self) -> str:
        """Return the text that identifies its answer."""
        return self._digest("nonce")

    def _digest(self, what: str) -> str:
        about = f"shoplaunch/starter\0{what}\0{self.job_id}\0{self.attempt}".encode()
        return hmac.new(self.key, about, hashlib.sha256).hexdigest()[:32]

    def content(self, user: str, home: str) -> bytes | None:
        """Return the file's text, None for an account whose home or name is unsafe in a shell."""
        if not _HOME.match(home) or not _USER.match(user):
            return None
        values = {
            "@NONCE@": self.nonce,
            "@HOME@": home,
            "@USER@": user,
            "@RUN@": f"{home}/{FOLDER}/{LAUNCHER_FILE}",
            "@START@": f"{START_VARIABLE}={WEB}",
        }
        text = _TEMPLATE.read_text("ascii")
        for name, value in values.items():
            text = text.replace(name, value)
        return text.encode("ascii")

    def outcome(self, body: bytes) -> tuple[bool, str] | None:
        """Return (was started, why not) from the starter's answer in `body`; None where this is not its answer.

        Text that the host adds before or after every page does no harm.
        """
        for found in _objects(body[:ANSWER_BYTES]):
            if found.get("starter") == self.nonce:
                started = bool(found.get("started"))
                return started, "" if started else _REASONS.get(str(found.get("reason")), "failed")
        return None


def starter_key(salt: bytes) -> bytes:
    """Return the key of starters' names, derived from the installation's permanent secret."""
    return hmac.new(salt, b"shoplaunch/starter-key", hashlib.sha256).digest()


def names(key: bytes, job_id: str, attempt: int) -> list[str]:
    """Return the names of the starters of this attempt and earlier ones, the newest first."""
    return [Starter(key, job_id, one).name for one in range(attempt, max(0, attempt - MOST), -1)]


def _objects(text: bytes) -> Iterator[dict[str, object]]:
    for match in re.finditer(rb'\{"starter": "[^{}]{0,200}\}', text):
        try:
            found = json.loads(match.group())
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found
