"""Run file operations below a home as the account itself: root never touches anything there."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from controller import processes
from controller.panels.local.as_account import sources
from controller.processes import Bounds, Ended, TooMuchOutput
from shared.errors import ShoplaunchError, is_known

SOURCE = sources.joined("account_files", "helper")
#: The sources of operations that need more than helper.py.
SOURCES = {"remove": sources.joined("account_files", "helper", "removal_helper")}
TIMEOUT_SECONDS = 60
#: Time limit for whole trees and bundles.
LONG_SECONDS = 900
MAX_READ_BYTES = 64 * 1024 * 1024
#: A file, and its description.
ANSWER_BYTES = MAX_READ_BYTES + 1024 * 1024
#: Larger than any bundle.
MAX_HASHED_BYTES = 16 * 1024 * 1024 * 1024
#: A process of the account inherits nothing from the service's environment.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Identity:
    """The account to become, and its home: `base`/`name`; `groups` are the supplementary groups."""

    uid: int
    gid: int
    base: str
    name: str
    groups: tuple[int, ...] = ()


def split_path(path: str) -> list[str]:
    """Return the parts of a path relative to the home. Raises path_refused for anything that might leave it."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") or "\0" in part or len(os.fsencode(part)) > 255 for part in parts):
        raise ShoplaunchError("path_refused", f"not a path below the home directory: {path[:120]!r}")
    return parts


class AsAccount:
    """File operations run as the account. Every method is one short process; paths are relative to the home.

    All raise path_refused for links and foreign files, file_error and related codes for errors of the system.
    """

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the file's bytes, None when there is none. Raises file_too_large above `limit` of them."""
        answer, content = self._run("read", parts=split_path(path), limit=min(limit, MAX_READ_BYTES))
        return content if answer["found"] else None

    def sha256(self, path: str, limit: int = MAX_HASHED_BYTES) -> str | None:
        """Return the file's digest, None when there is none. Raises file_too_large above `limit` bytes."""
        answer, _ = self._run("sha256", timeout=LONG_SECONDS, parts=split_path(path), limit=limit)
        digest: str | None = answer["sha256"]
        return digest

    def names(self, path: str) -> list[str] | None:
        """Return the sorted names in the folder (`.` is the home), None when there is none."""
        answer, _ = self._run("list", parts=[] if path == "." else split_path(path))
        names: list[str] | None = answer["names"]
        return names

    def entries(self, without: list[str]) -> dict[str, str] | None:
        """Return path -> description (mode, size, change times of files) of everything below the home except the names
        `without` in the home itself; None when there is too much."""
        answer, _ = self._run("entries", without=without)
        found: dict[str, str] | None = answer["entries"]
        return found

    def put(self, path: str, content: bytes, mode: int, folder_mode: int) -> bool:
        """Make the file hold `content` with `mode`; create missing parent folders. Return whether it changed."""
        # In memory: job files hold secrets and need no second copy on a disk.
        with os.fdopen(os.memfd_create("shoplaunch"), "wb+") as stream:
            stream.write(content)
            stream.flush()
            stream.seek(0)
            return self._put(path, stream.fileno(), hashlib.sha256(content).hexdigest(), mode, folder_mode)

    def put_from(self, path: str, source: str, sha256: str, mode: int, folder_mode: int) -> bool:
        """Like `put`, with the content of the controller's file `source`, whose digest is `sha256`."""
        with Path(source).open("rb") as stream:
            return self._put(path, stream.fileno(), sha256, mode, folder_mode)

    def _put(self, path: str, source: int, sha256: str, mode: int, folder_mode: int) -> bool:
        answer, _ = self._run(
            "put",
            timeout=LONG_SECONDS,
            descriptor=source,
            parts=split_path(path),
            sha256=sha256,
            mode=mode,
            folder_mode=folder_mode,
        )
        return bool(answer["changed"])

    def folders(self, wanted: list[tuple[str, int, int | None]]) -> bool:
        """Make each (path, mode, group id or None for the account's own) a folder; return whether anything changed.

        The path `.` is the home itself.
        """
        folders = [
            {"parts": [] if path == "." else split_path(path), "mode": mode, "group": group}
            for path, mode, group in wanted
        ]
        groups = {group for _, _, group in wanted if group is not None}
        answer, _ = self._run("folders", more_groups=groups, folders=folders)
        return bool(answer["changed"])

    def remove(self, path: str) -> None:
        """Remove everything at `path` (`.`: in the home). Links are removed, never followed."""
        self._run("remove", timeout=LONG_SECONDS, parts=[] if path == "." else split_path(path))

    def kill_processes(self) -> bool:
        """End every process of the account; return whether there was any."""
        answer, _ = self._run("kill")
        return bool(answer["killed"])

    def _run(
        self,
        operation: str,
        *,
        timeout: int = TIMEOUT_SECONDS,
        descriptor: int | None = None,
        more_groups: frozenset[int] | set[int] = frozenset(),
        **request: Any,
    ) -> tuple[dict[str, Any], bytes]:
        me = self.identity
        groups = sorted({me.gid, *me.groups, *more_groups})
        request.update(operation=operation, uid=me.uid, gid=me.gid, groups=groups, base=me.base, name=me.name)
        if descriptor is not None:
            request["source"] = descriptor
        # In memory, as the request may contain a secret
        with os.fdopen(os.memfd_create("request"), "w+b") as asked:
            asked.write(json.dumps(request).encode("ascii") + b"\n")
            asked.seek(0)
            done = self._ended(operation, asked, timeout, () if descriptor is None else (descriptor,))
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
            message = f"{operation} in {me.name} ended with {done.returncode}: {said}"
            raise ShoplaunchError("file_error", message, True)
        head, _, content = done.stdout.partition(b"\n")
        answer: dict[str, Any] = json.loads(head)
        if "error" in answer:
            code = answer["error"] if is_known(answer["error"]) else "file_error"
            raise ShoplaunchError(code, f"{me.name}: {operation}: {answer['message']}")
        return answer, content

    def _ended(self, operation: str, asked: IO[bytes], timeout: int, descriptors: tuple[int, ...]) -> Ended:
        command = [sys.executable, "-I", "-S", "-c", SOURCES.get(operation, SOURCE)]
        what = f"{operation} in {self.identity.name}"
        try:
            return processes.run(command, asked, Bounds(timeout, ANSWER_BYTES), ENVIRONMENT, descriptors)
        except TimeoutError:
            raise ShoplaunchError("file_error", f"{what} took over {timeout} s", True) from None
        except TooMuchOutput:
            raise ShoplaunchError("file_too_large", f"{what} answered more than {ANSWER_BYTES} bytes") from None
