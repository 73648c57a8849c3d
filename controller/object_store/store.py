"""The store: puts a file there, looks at it, removes it, and makes the address an agent fetches it at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from controller.network.failures import NetworkError
from controller.network.http_client import Body, HttpAnswer, HttpClient, HttpRequest, Limits, Origin
from controller.network.trust import trusted
from controller.object_store.settings import invalid, require_usable, secret_of
from controller.object_store.signing import EMPTY_SHA256, Signer
from controller.settings.sections import BundleStoreConfig, Config
from shared.errors import ShoplaunchError

CODE = "bundle_store_failed"
#: Time for an answer, and the least bytes a second of an upload.
SECONDS = 60.0
LEAST_RATE = 64 * 1024
_ANSWER_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: A store's name of what was wrong.
_REASON = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")
#: Where the object is not there. A 404 without such a name is of a proxy, or of another server.
_NOT_THERE = ("NoSuchKey", "NoSuchBucket")


class _File(Body):
    """A file as the body of a request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        with self._path.open("rb") as stream:
            while piece := stream.read(_PIECE_BYTES):
                yield piece


class ObjectStore:
    """The bucket of `settings`. Every method that asks the store raises ShoplaunchError `bundle_store_failed`."""

    def __init__(self, settings: BundleStoreConfig) -> None:
        require_usable(settings)
        self._settings = settings
        self._signer = Signer(settings.access_key, secret_of(settings), settings.region)

    def put(self, key: str, path: Path, digest: str, now: float) -> None:
        """Store the file at `path`, whose SHA-256 is `digest`, and look whether all of it is there.

        A page that a proxy answers with names no object, or not the one that is there afterwards.
        """
        body = _File(path)
        made = _etag(self._asked("PUT", key, now, (200,), body=body, digest=digest))
        found = self._asked("HEAD", key, now, (200,))
        if not made or _etag(found) != made:
            raise ShoplaunchError(CODE, f"{self.place(key)}: what answered the upload names no object that is there")
        if found.headers.get("Content-Length") != str(len(body)):
            raise ShoplaunchError(CODE, f"{self.place(key)} does not hold the {len(body)} bytes that were sent")

    def remove(self, key: str, now: float) -> None:
        """Remove the object, if it is there. Only 204 says so: a proxy's own page often comes with 200."""
        answer = self._asked("DELETE", key, now, (204, 404))
        if answer.status == 404 and _reason(answer) not in _NOT_THERE:
            raise self._refused(key, answer)

    def address(self, key: str, now: float) -> str:
        """Return the address at which who has it may fetch the object for a while; never to be logged."""
        return self._signer.address(self.place(key), now, self._settings.address_minutes * 60)

    def _asked(
        self,
        method: str,
        key: str,
        now: float,
        wanted: tuple[int, ...],
        *,
        body: _File | None = None,
        digest: str = EMPTY_SHA256,
    ) -> HttpAnswer:
        place = self.place(key)
        request = HttpRequest(method, urlsplit(place).path, self._signer.headers(method, place, now, digest), body)
        seconds = SECONDS + (0 if body is None else len(body) / LEAST_RATE)
        try:
            context = trusted(self._settings.ca)
        except OSError as problem:
            raise invalid(f"ca: {problem.strerror}") from None
        try:
            answer = HttpClient(Origin.of(place, context)).ask(request, Limits(seconds, _ANSWER_BYTES, is_cut=True))
        except NetworkError as problem:
            raise ShoplaunchError(CODE, f"{place}: {problem.reason}") from None
        if answer.status not in wanted:
            raise self._refused(key, answer)
        return answer

    def _refused(self, key: str, answer: HttpAnswer) -> ShoplaunchError:
        reason = _reason(answer)
        more = f" ({reason})" if reason else ""
        return ShoplaunchError(CODE, f"{self.place(key)}: the store answered {answer.status}{more}")

    def place(self, key: str) -> str:
        """Return the object's plain address, its host as agents and the client of this package write it."""
        parts, bucket = urlsplit(self._settings.endpoint), self._settings.bucket
        host = (parts.hostname or "").lower()
        host = f"[{host}]" if ":" in host else host
        port = "" if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{parts.port}"
        if self._settings.path_style:
            return f"{parts.scheme}://{host}{port}/{bucket}/{key}"
        return f"{parts.scheme}://{bucket}.{host}{port}/{key}"


def _reason(answer: HttpAnswer) -> str:
    found = _REASON.search(answer.body)
    return found[1].decode() if found else ""


def _etag(answer: HttpAnswer) -> str:
    """Return the object's ETag, "" without one; a proxy that encodes answers makes it a weak one."""
    return (answer.headers.get("ETag") or "").removeprefix("W/")


def opened(config: Config) -> ObjectStore | None:
    """Return the installation's store, None where the configuration names none. Raises `config_invalid`."""
    return ObjectStore(config.bundle_store) if config.bundle_store.endpoint else None
