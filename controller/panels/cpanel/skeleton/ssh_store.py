"""Files below the home of a login by SSH: the system's own OpenSSH client, never a password, known hosts only."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from controller import processes
from controller.processes import Bounds, TooMuchOutput
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError

TARGET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*@[A-Za-z0-9\[][A-Za-z0-9.:\[\]-]*\Z")
OPTIONS = (
    "BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=15", "ServerAliveInterval=15",
    "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "PermitLocalCommand=no",
)  # fmt: skip
SECONDS = 120
#: A bundle of some hundred megabytes over a slow line.
LONG_SECONDS = 4 * 3600
#: The largest text that is read, and the listing of a folder with many thousand entries.
OUTPUT_BYTES = 16 * 1024 * 1024
#: OpenSSH's exit code when it did not get as far as the command.
_NO_CONNECTION = 255
_LINE = re.compile(r"(?P<kind>[^|]*)\|(?P<size>[0-9]+)\|(?P<mode>[0-7]+)\|(?P<name>.+)\Z")
_KINDS = {"directory": "dir", "regular file": "file", "regular empty file": "file"}
#: No part of the path may be a link: it would point to somewhere else in every account.
_NO_LINKS = 'for p in {parents}; do if [ -L "$p" ]; then echo "$p is a link" >&2; exit 9; fi; done'
_LINK_FOUND = 9


class SshStore:
    """Files of `target` (user@host), below its home; see controller.panels.cpanel.account.agent_files.Store.

    `settings` is an ssh_config to use instead of the user's own. Raises ssh_failed when there is no connection,
    path_refused for links, file_error for what the other side refuses, config_invalid for an invalid target.
    """

    def __init__(self, target: str, settings: Path | None = None) -> None:
        if not TARGET.match(target):
            raise ShoplaunchError("config_invalid", "ssh must be user@host")
        self._target = target
        self._settings = settings

    @property
    def login(self) -> str:
        """Return the login whose home holds the files."""
        return self._target.partition("@")[0]

    def entries(self, path: str) -> Mapping[str, Mapping[str, object]] | None:
        """See Store."""
        list_all = 'for f in * .[!.]*; do if [ -e "$f" ] || [ -L "$f" ]; then stat -c "%F|%s|%a|%n" -- "$f"; fi; done'
        script = f"if [ -d {_quoted(path)} ]; then echo there; cd {_quoted(path)}; {list_all}; fi"
        lines = self._run(path, script).decode("utf-8", "replace").splitlines()
        if lines[:1] != ["there"]:
            return None
        found = [match for match in map(_LINE.match, lines[1:]) if match is not None]
        return {
            match["name"]: {
                "type": _KINDS.get(match["kind"], "link"), "size": int(match["size"]), "nicemode": match["mode"],
            }
            for match in found
        }  # fmt: skip

    def read(self, path: str, limit: int) -> bytes | None:
        """See Store."""
        script = f"if [ -f {_quoted(path)} ]; then echo there; head -c {limit} {_quoted(path)}; fi"
        head, _, content = self._run(path, script).partition(b"\n")
        return content if head == b"there" else None

    def put(self, path: str, content: bytes, mode: int) -> None:
        """See Store."""
        self._put(path, content, sha256_hex(content), mode, SECONDS)

    def put_from(self, path: str, source: Path, sha256: str, mode: int) -> None:
        """Make the file hold the controller's file `source`. Raises file_error when reading it back differs."""
        with source.open("rb") as stream:
            self._put(path, stream, sha256, mode, LONG_SECONDS)

    def sha256(self, path: str) -> str | None:
        """Return the file's digest, None when there is none."""
        found = self._run(
            path, f"if [ -f {_quoted(path)} ]; then sha256sum < {_quoted(path)}; fi", seconds=LONG_SECONDS
        )
        return found.split()[0].decode("ascii") if found.strip() else None

    def put_last(self, path: str, content: bytes, mode: int) -> None:
        """See Store: nothing is deferred."""
        self.put(path, content, mode)

    def ensure_mode(self, path: str, mode: int) -> None:
        """See Store."""
        self._run(path, f"if [ -f {_quoted(path)} ]; then chmod {mode:o} {_quoted(path)}; fi")

    def ensure_folder(self, path: str) -> None:
        """See Store."""
        mode = "700" if path.rpartition("/")[2].startswith(".") else "755"
        folder = _quoted(path)
        self._run(path, f"umask 022; mkdir -p {folder}; chmod {mode} {folder}")

    def remove(self, path: str) -> None:
        """See Store."""
        self._run(path.rpartition("/")[0] or path, f"rm -rf -- {_quoted(path)}")

    def _put(self, path: str, content: bytes | IO[bytes], sha256: str, mode: int, seconds: int) -> None:
        new, final = _quoted(path + ".new"), _quoted(path)
        script = (
            f"umask 077; cat > {new}; chmod {mode:o} {new}; sync -d {new} 2>/dev/null || sync; "
            f'found=$(sha256sum < {new}); found="${{found%% *}}"; echo "$found"; '
            f'if [ "$found" = {sha256} ]; then mv -f {new} {final}; sync -d {final} 2>/dev/null || sync; '
            f"else rm -f {new}; fi"
        )
        found = self._run(path, script, content, seconds)
        if found.decode("ascii", "replace").strip() != sha256:
            raise ShoplaunchError("file_error", f"{self._target}: {path} did not arrive as it was sent")

    def _run(self, path: str, script: str, content: bytes | IO[bytes] = b"", seconds: int = SECONDS) -> bytes:
        """Run `script` in the home, unless a part of `path` is a link; return its output."""
        parents = " ".join(_quoted(parent) for parent in _parents(path))
        script = f"set -eu; cd; {_NO_LINKS.format(parents=parents)}; {script}"
        # On one line and in single quotes: any login shell passes this on unchanged
        command = ["ssh", *options(self._settings), "--", self._target, f"exec sh -c {shlex.quote(script)}"]
        try:
            with _given(content) as given:
                done = processes.run(command, given, Bounds(seconds, OUTPUT_BYTES))
        except FileNotFoundError:
            raise ShoplaunchError("ssh_failed", "there is no OpenSSH client on this machine") from None
        except TimeoutError:
            raise ShoplaunchError("ssh_failed", f"{self._target} did not finish within {seconds} s") from None
        except TooMuchOutput:
            message = f"{self._target} sent more than {OUTPUT_BYTES} bytes"
            raise ShoplaunchError("panel_answer_too_large", message) from None
        if done.returncode == 0:
            return bytes(done.stdout)
        # A login that is closed says so on standard output
        words = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
        said = (words.splitlines() or ["no reason given"])[-1][:300]
        code = {_NO_CONNECTION: "ssh_failed", _LINK_FOUND: "path_refused"}.get(done.returncode, "file_error")
        raise ShoplaunchError(code, f"{self._target}: {said}")


@contextmanager
def _given(content: bytes | IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield a file that holds `content`."""
    if not isinstance(content, bytes):
        yield content
        return
    # In memory, as it may be a secret
    with os.fdopen(os.memfd_create("content"), "w+b") as made:
        made.write(content)
        made.seek(0)
        yield made


def options(settings: Path | None) -> list[str]:
    """Return the client's options for every connection; `settings` is an ssh_config to use instead of the user's."""
    words = [word for option in OPTIONS for word in ("-o", option)]
    return [*words, "-T", *(["-F", str(settings)] if settings is not None else [])]


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _quoted(path: str) -> str:
    """Return `path` for a script in single quotes: plain characters only, so that nothing needs quoting.

    Raises path_refused for others.
    """
    if not re.fullmatch(r"[A-Za-z0-9._/-]+", path) or path.startswith(("/", "-")) or ".." in path.split("/"):
        raise ShoplaunchError("path_refused", f"not a path below the home: {path[:80]!r}")
    return path
