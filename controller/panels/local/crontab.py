"""An account's crontab: add and remove Shoplaunch's lines, keep all others byte for byte."""

from __future__ import annotations

import os
import re
import stat

from controller.panels.local import commands
from controller.panels.local.settings import LocalSettings
from shared.errors import ShoplaunchError

_NONE_YET = b"no crontab for "
#: Where cron keeps crontabs, by the names of their accounts: Debian's; other systems'.
SPOOLS = ("/var/spool/cron/crontabs", "/var/spool/cron")
#: The most lines that `crontab` puts before what it is given, and does not show.
HEADER_LINES = 3
#: What Debian's `crontab -l` shows instead of a letter.
_SHOWN = {b"\r": b"\\r", b"\b": b"\\b"}
#: A line that sets a variable; name and value may be within quotes. A line that is a job has a blank before any `=`.
_VARIABLE = re.compile(
    rb"""\s*(?P<name>"[^"=]*"|'[^'=]*'|[^\s='"][^\s=]*)\s*="""
    rb"""\s*(?P<value>"[^"]*"|'[^']*'|[^\s'"].*)\s*"""
)


def variables(content: bytes, line: str) -> dict[str, str]:
    """Return the variables that the crontab `content` sets for the job `line`, as cron reads it: those above it."""
    found: dict[str, str] = {}
    wanted = line.encode("utf-8")
    for one in content.split(b"\n"):
        if one == wanted:
            break
        if not one.lstrip().startswith(b"#") and (match := _VARIABLE.fullmatch(one)) is not None:
            name = _unquoted(match["name"])
            if name:
                # Trailing blanks are removed, inside quotes too
                found[os.fsdecode(name)] = os.fsdecode(_unquoted(match["value"].rstrip()).rstrip())
    return found


def _unquoted(text: bytes) -> bytes:
    return text[1:-1] if len(text) > 1 and text[:1] in b"'\"" and text[-1:] == text[:1] else text


def _as_shown(stored: bytes) -> bytes:
    for letter, one in _SHOWN.items():
        stored = stored.replace(letter, one)
    return stored


def _content(path: str) -> bytes:
    """Return the content of the plain file at `path`, empty where there is none. Raises cron_edit_failed."""
    try:
        # A pipe would block
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            is_plain = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            return stream.read(commands.OUTPUT_BYTES) if is_plain else b""
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ShoplaunchError("cron_edit_failed", f"{path} cannot be read: {error.strerror}") from None


class Crontab:
    """The crontab of one account (a validated name), read and written through `crontab -u`."""

    def __init__(self, settings: LocalSettings, user: str) -> None:
        self._command = settings.crontab
        self._user = user

    def read(self) -> bytes:
        """Return the whole crontab, empty when there is none yet. Raises cron_edit_failed."""
        done = commands.attempt([self._command, "-u", self._user, "-l"])
        if done.returncode == 0:
            return self._as_stored(done.stdout)
        if done.returncode == 1 and not done.stdout and done.stderr.startswith(_NONE_YET):
            return b""
        raise ShoplaunchError("cron_edit_failed", f"the crontab of {self._user}: {commands.said(done)}")

    def _as_stored(self, shown: bytes) -> bytes:
        """Return the crontab that `crontab -l` shows so: Debian's shows carriage returns and backspaces as two
        characters, which must not be written back. Raises cron_edit_failed."""
        is_raw = any(letter in shown for letter in _SHOWN)
        if is_raw or not any(one in shown for one in _SHOWN.values()):
            return shown
        for spool in SPOOLS:
            # Not by `crontab -e`: one that is killed leaves its copy of the crontab in /tmp
            stored = _content(f"{spool}/{self._user}")
            for _ in range(HEADER_LINES + 1):
                if shown in (stored, _as_shown(stored)):
                    return stored
                stored = stored.partition(b"\n")[2]
        # Not what it shows: that is the account's crontab
        said = "it is not stored as crontab -l shows it"
        raise ShoplaunchError("cron_edit_failed", f"the crontab of {self._user}: {said}")

    def lines(self) -> list[str]:
        """Return the crontab's lines."""
        return [line.decode("utf-8", "surrogateescape") for line in self.read().split(b"\n") if line]

    def ensure(self, line: str) -> None:
        """Ensure that the crontab holds `line` exactly once. Raises cron_edit_failed."""
        wanted = line.encode("utf-8")
        if not wanted or b"\n" in wanted:
            raise ShoplaunchError("cron_edit_failed", "a cron line is one line")
        before = self.read()
        lines = before.split(b"\n")
        # Cron runs nothing of a crontab whose last line has no end
        if lines.count(wanted) == 1 and before.endswith(b"\n"):
            return
        kept = b"\n".join(one for one in lines if one != wanted)
        if kept and not kept.endswith(b"\n"):
            kept += b"\n"
        self._write(kept + wanted + b"\n")

    def remove(self, marker: str) -> None:
        """Remove all lines that end with the comment `# <marker>`. Raises cron_edit_failed."""
        ending = b"# " + marker.encode("utf-8")
        before = self.read()
        kept = b"\n".join(one for one in before.split(b"\n") if not one.rstrip().endswith(ending))
        if kept != before:
            # `crontab` takes no last line without an end
            self._write(kept if kept.endswith(b"\n") or not kept else kept + b"\n")

    def remove_all(self) -> None:
        """Remove the account's crontab."""
        done = commands.attempt([self._command, "-u", self._user, "-r"])
        if done.returncode != 0 and not done.stderr.startswith(_NONE_YET):
            raise ShoplaunchError("cron_edit_failed", f"the crontab of {self._user}: {commands.said(done)}")

    def _write(self, content: bytes) -> None:
        if not content:
            self.remove_all()
        else:
            done = commands.attempt([self._command, "-u", self._user, "-"], content=content)
            if done.returncode != 0:
                raise ShoplaunchError("cron_edit_failed", f"the crontab of {self._user}: {commands.said(done)}")
        if self.read() != content:
            raise ShoplaunchError("cron_edit_failed", f"the crontab of {self._user} does not read back as written")
