"""Where a bundle is fetched: at the controller or another server, or in an object store at an address that expires."""

import json
import re

from agent.reporting.http import check_address, origin, safe_address
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Mapping

    from agent.reporting.downloads import Download
    from agent.reporting.http import HttpClient
    from shared.documents import Callback, Job, PinnedBundle

#: How stores refuse an address that was valid: the first two are AWS's and Google's.
EXPIRED = (403, 400, 401)
#: The end of the address at which the controller makes new ones; in front of it is the bundle's own.
RENEWAL = "/address"
_ADDRESS = re.compile(r"[!-~]{1,4096}\Z")


class Source:
    """The server of a bundle: `pinned` (of the job) says where and what, `token` (str) is sent with each request.

    `callback` (of the job) is for a store's addresses: only the controller makes them, and only it gets the token.
    """

    __slots__ = ("_callback", "_client", "_is_new", "_url", "pinned", "token")

    def __init__(
        self,
        pinned: "PinnedBundle",
        client: "HttpClient",
        token: "str | None" = None,
        callback: "Callback | None" = None,
    ) -> None:
        self.pinned = pinned
        self.token = token
        self._client = client
        self._callback = callback
        self._url = pinned["url"]
        self._is_new = False

    @property
    def is_store(self) -> bool:
        """Return whether it is an object store, whose addresses expire."""
        return "renew" in self.pinned and self.token is None

    @property
    def place(self) -> str:
        """Return where it is, as it may be logged: a store's query opens the bundle to everybody."""
        return safe_address(self._url)

    def get(self, offset: int, headers: "dict[str, str]") -> "Download":
        """Return the open Download from byte `offset`. Raises ShoplaunchError like http.HttpClient.get_from."""
        if self.token is not None:
            headers = dict(headers, Authorization="Bearer " + self.token)
        return self._client.get_from(self._url, offset, headers, self.pinned["size"] + 1)

    def works(self) -> None:
        """Note that the address is good."""
        self._is_new = False

    def failure(self, problem: str) -> "ShoplaunchError":
        """Return the error of a fetch that is given up."""
        code = "bundle_store_failed" if self.is_store else "bundle_missing"
        return ShoplaunchError(code, "{}: {}".format(self.place, problem))

    def judge(self, status: int) -> None:
        """Raise ShoplaunchError `superseded` or `cancelled` when that is what the controller's `status` says."""
        if status == 409:
            raise ShoplaunchError("superseded", "the controller names a newer attempt")
        if status == 410:
            raise ShoplaunchError("cancelled", "the job was cancelled")

    def renew(self, problem: str) -> "str | None":
        """Get a new address of the controller, after the store refused the last one; return None when it may be used at
        once, else the problem.

        Raises ShoplaunchError `superseded`, `cancelled`, `bundle_store_failed` for an address that is not the store's.
        """
        was_new = self._is_new
        try:
            self._take(self._asked())
        except ShoplaunchError as error:
            if error.code not in ("callback_failed", "tls_untrusted"):
                raise
            return "{}, and there is no new address: {}".format(problem, error.message)
        # One that is refused although it is new would be refused again
        return problem + " to a new address" if was_new else None

    def _asked(self) -> object:
        """Return what the controller names as the new address."""
        if self._callback is None:
            raise ShoplaunchError("job_invalid", "nobody renews the bundle's address")
        url = self.pinned["renew"]
        if origin(url) != origin(self._callback["url"]):
            raise ShoplaunchError("job_invalid", "{} is not the controller's".format(safe_address(url)))
        answer = self._client.post(url, b"{}", {"Authorization": "Bearer " + self._callback["token"]})
        self.judge(answer.status)
        try:
            document: "Mapping[str, object]" = json.loads(answer.body.decode("utf-8"))
            if answer.status == 200:
                return document["url"]
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise ShoplaunchError("callback_failed", "the controller answered {}".format(answer.status))

    def _take(self, url: object) -> None:
        """Go on at `url`: the controller's own address of the bundle, with the token, or the store's, without."""
        if not isinstance(url, str) or not _ADDRESS.match(url):
            raise self.failure("the new address is none")
        own = self.pinned["renew"][: -len(RENEWAL)]
        if url == own and self._callback is not None:
            self.token = self._callback["token"]
        else:
            try:
                is_of_the_store = origin(check_address(url)) == origin(self.pinned["url"])
            except (ShoplaunchError, ValueError):
                is_of_the_store = False
            if not is_of_the_store:
                raise self.failure("the new address is another server's")
        self._url, self._is_new = url, True


def source_of(job: "Job", client: "HttpClient") -> "Source":
    """Return the Source that `job` names."""
    return Source(job["bundle"], client, token_for(job), job["callback"])


def token_for(job: "Job") -> "str | None":
    """Return the job's bearer token when the controller itself serves the bundle: no other server may see it."""
    callback, pinned = job["callback"], job["bundle"]
    if "renew" in pinned:
        # A store may answer behind the same name and port
        return None
    return callback["token"] if origin(pinned["url"]) == origin(callback["url"]) else None
