"""A reseller's own cPanel account on port 2083, with its own token: UAPI, API 2, whole files."""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, ClassVar

from controller.panels.cpanel.account import agent_files
from controller.panels.cpanel.account.files import FEATURE, NEW, Files
from controller.panels.cpanel.account_cache import AccountCache
from controller.panels.cpanel.api import answers
from controller.panels.cpanel.api.answers import Answer
from controller.panels.cpanel.api.whm import ANSWER_BYTES, Call, Request, Whm
from controller.panels.cpanel.operations import Operation, Reasons
from shared.errors import ShoplaunchError

#: A bundle of some hundred megabytes over a slow line.
UPLOAD_SECONDS = 4 * 3600
PIECE_BYTES = 256 * 1024


class OwnAccount(Whm):
    """The token's account, called like Whm's accounts; WHM's own functions are not available here.

    Raises config_invalid when the token is refused: only skeletons need it.
    """

    scheme: ClassVar[str] = "cpanel"
    port: ClassVar[int] = 2083

    def batch(self, requests: Sequence[Request]) -> list[Answer] | None:
        """Return None: batches are not available here."""
        return None

    def _send(self, request: Request, read_only: bool, seconds: int) -> Answer:
        if not request.account:
            return Answer(False, {}, f"{request.function} is not available on port {self.port}")
        own = replace(request, account="")
        call = Call(f"execute/{request.function.replace('::', '/')}", own.fields, seconds, request.answer_bytes)
        return answers.uapi(self._ask(call, read_only), request.hidden)

    def upload(self, folder: str, name: str, source: Path) -> Answer:
        """Upload the file `source` to `folder` (absolute) as `name`; ok when the panel confirms the file itself."""
        with source.open("rb") as stream:
            form = _Form({"dir": folder, "overwrite": "1"}, name, stream, source.stat().st_size)
            call = Call("execute/Fileman/upload_files", form, UPLOAD_SECONDS, ANSWER_BYTES, form.kind)
            document = self._ask(call, False)
        answer = answers.uapi(document)
        failed = [row for row in answers.rows(answer.data, "uploads") if not answers.is_on(row.get("status"))]
        if answer.ok and failed:
            return Answer(False, answer.data, answers.clean(failed[0].get("reason")))
        return answer

    def home(self) -> str:
        """Return the account's home. Raises panel_refused."""
        answer = self.uapi(self.user, "DomainInfo", "domains_data", read_only=True, format="hash")
        main = answer.data.get("main_domain") if answer.ok and isinstance(answer.data, dict) else None
        home = str(main.get("homedir") or "") if isinstance(main, dict) else ""
        if not home.startswith("/"):
            raise ShoplaunchError("panel_refused", f"the panel does not report the home of {self.user}: {answer.text}")
        return home.rstrip("/")

    def files(self) -> OwnFiles:
        """Return the account's files."""
        cache = AccountCache(self, self.user)
        return OwnFiles(self, cache, Reasons(self, cache, self.user), self.user, self.home())

    def _shut_out(self, reason: str) -> ShoplaunchError:
        return ShoplaunchError("config_invalid", f"cpanel_token: {reason}")


class OwnFiles(Files):
    """The account's files, including whole ones of any bytes; of those the panel reports only the size."""

    def __init__(self, own: OwnAccount, cache: AccountCache, reasons: Reasons, user: str, home: str) -> None:
        super().__init__(own, cache, reasons, user, home)
        self._own = own

    def put_from(self, path: str, source: Path, sha256: str, mode: int) -> None:
        """Make the file hold the content of the controller's file `source`, verified by its size. Raises disk_space,
        inodes, panel_*."""
        new, size = path + NEW, source.stat().st_size
        folder, name = posixpath.split(new)
        operation = Operation(lambda: self._own.upload(self._whole(folder), name, source))
        if self._size(new) != size:
            raise operation.silence or self._reasons.of(f"putting {path} there", FEATURE, files=True)(
                operation.answer.text
            )
        self._ensure_mode(new, mode)
        self._replace(new, path)
        if self._size(path) != size:
            raise self._reasons.of(f"putting {path} in its place", FEATURE)("it is not there")

    def sha256(self, path: str) -> str | None:
        """Return the recorded digest of a bundle of this size, None when there is none."""
        return agent_files.status(self, posixpath.dirname(path)).bundle_sha256

    def _size(self, path: str) -> int:
        return int((self.entry(path) or {}).get("size", -1))


class _Form:
    """A form with one file, read in pieces while it is sent."""

    def __init__(self, fields: dict[str, str], name: str, stream: IO[bytes], size: int) -> None:
        mark = secrets.token_hex(16)
        self.kind = f"multipart/form-data; boundary={mark}"
        head = "".join(
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        )
        head += f'--{mark}\r\nContent-Disposition: form-data; name="file-1"; filename="{name}"\r\n'
        self._head = (head + "Content-Type: application/octet-stream\r\n\r\n").encode("utf-8")
        self._tail = f"\r\n--{mark}--\r\n".encode("ascii")
        self._stream = stream
        self._size = size

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        while piece := self._stream.read(PIECE_BYTES):
            yield piece
        yield self._tail
