"""A cache of queries about one account: sent in parallel when a job begins, discarded after a change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from controller.panels.cpanel.api.answers import Answer
from controller.panels.cpanel.api.whm import Request, Whm
from controller.telemetry.job_at_hand import as_here
from shared.errors import ShoplaunchError
from shared.job import FOLDER, STAMP_FILE

Result = TypeVar("Result")
#: Upper limit of parallel calls, whatever the setting.
THREADS = 64
#: Answers that do not change while a panel object lives.
LASTING = ("restrictions", "server", "installed_php")
#: Fileman's parameters for listings and for text, so that it guesses and alters nothing.
LISTING: dict[str, Any] = {"show_hidden": "1", "include_permissions": "1"}
READING: dict[str, Any] = {"from_charset": "utf-8", "to_charset": "utf-8", "update_html_document_encoding": "0"}
#: The UAPI queries, by their names in the cache.
_UAPI: dict[str, tuple[str, dict[str, Any]]] = {
    "restrictions": ("Mysql::get_restrictions", {}),
    "databases": ("Mysql::list_databases", {}),
    "users": ("Mysql::list_users", {}),
    "server": ("Mysql::get_server_information", {}),
    "vhosts": ("LangPHP::php_get_vhost_versions", {}),
    "installed_php": ("LangPHP::php_get_installed_versions", {}),
    "domain": ("DomainInfo::single_domain_data", {}),
    "domains": ("DomainInfo::domains_data", {"format": "hash"}),
    "features": ("Features::list_features", {}),
    "quota": ("Quota::get_quota_info", {}),
    "autossl": ("SSL::get_autossl_problems", {}),
    "home": ("Fileman::list_files", {"dir": ".", **LISTING}),
    "folder": ("Fileman::list_files", {"dir": FOLDER, **LISTING}),
    "stamp": ("Fileman::get_file_content", {"dir": FOLDER, "file": STAMP_FILE, **READING}),
}


class AccountCache:
    """Queries about the account `user`. While `sharing`, answers are remembered until they are forgotten."""

    def __init__(self, whm: Whm, user: str) -> None:
        self._whm = whm
        self._user = user
        self.sharing = False
        self._seen: dict[str, Answer | Started] = {}
        self._last: dict[str, Answer] = {}
        self._guard = threading.Lock()

    def _request(self, key: str) -> Request:
        """Return the request for `key`: a key of `_UAPI`, `summary`, or `domain HOST`."""
        if key == "summary":
            return Request("accountsummary", {"user": self._user})
        what, _, host = key.partition(" ")
        function, arguments = _UAPI[what]
        return Request(function, {**arguments, "domain": host} if host else arguments, self._user)

    def domain(self, host: str) -> Answer:
        """Return DomainInfo's answer about one host of the account."""
        return self.see(f"domain {host}")

    def see(self, what: str) -> Answer:
        """Return the answer to the query `what`, from the cache when it is known."""
        with self._guard:
            seen = self._seen.get(what)
        if isinstance(seen, Answer):
            return seen
        try:
            return self._keep(what, seen.answer() if seen is not None else self._way(what)())
        except ShoplaunchError:
            self.forget(what)
            raise

    def begin(self, what: str) -> None:
        """Begin the query `what` in parallel with other work."""
        with self._guard:
            if what not in self._seen:
                self._seen[what] = Started(self._way(what))

    def _way(self, what: str) -> Callable[[], Answer]:
        if what == "crontab":
            return lambda: self._whm.api2(self._user, "Cron", "listcron", read_only=True)
        return lambda: self._whm.query(self._request(what))

    def see_all(self, *keys: str) -> None:
        """Make all of these queries in one call, or in parallel where the server does not support batches."""
        with self._guard:
            new = [key for key in keys if key not in self._seen]
        found = self._whm.batch([self._request(key) for key in new]) if new else []
        if found is None:
            found = side_by_side([self._way(key) for key in new])
        for key, answer in zip(new, found, strict=True):
            self._keep(key, answer)

    def _keep(self, key: str, answer: Answer) -> Answer:
        with self._guard:
            self._last[key] = answer
            if self.sharing or (answer.ok and key in LASTING):
                self._seen[key] = answer
        return answer

    def last(self, what: str) -> Answer | None:
        """Return the last answer, maybe from before a change; None when there was none."""
        with self._guard:
            return self._last.get(what)

    def learn(self, what: str, answer: Answer) -> None:
        """Remember an answer that is certain after a change of our own."""
        with self._guard:
            self._seen[what] = answer

    def forget(self, *keys: str) -> None:
        """Discard these answers."""
        with self._guard:
            for key in keys:
                self._seen.pop(key, None)

    def forget_seen(self) -> None:
        """Discard all answers."""
        with self._guard:
            self._seen = {}

    def forget_all(self) -> None:
        """Discard all answers, and remember none from now on."""
        with self._guard:
            self.sharing = False
            self._seen = {}


def side_by_side(calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """Return the results of the calls, made in parallel. Raises the first failure, a refused login before others."""
    waiting = list(calls)
    with ThreadPoolExecutor(min(max(len(waiting), 1), THREADS)) as pool:
        futures = [pool.submit(as_here(call)) for call in waiting]
    problems = [problem for future in futures if (problem := future.exception()) is not None]
    problems.sort(key=lambda problem: getattr(problem, "code", "") != "panel_auth_failed")
    if problems:
        raise problems[0]
    return [future.result() for future in futures]


class Started:
    """A call that runs in parallel with everything else; `answer` waits for it."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self._future: Future[Answer] = Future()
        self._call = call
        threading.Thread(target=as_here(self._run), daemon=True).start()

    def _run(self) -> None:
        try:
            self._future.set_result(self._call())
        except BaseException as problem:  # noqa: BLE001 - raised in the waiting thread
            self._future.set_exception(problem)

    def answer(self) -> Answer:
        """Wait for the answer. Raises the call's exception."""
        return self._future.result()

    def within(self, seconds: float) -> Answer | None:
        """Wait `seconds` at most for the answer; None where there is none, or the call failed."""
        try:
            return self._future.result(max(0.0, seconds))
        except (ShoplaunchError, TimeoutError):
            return None

    def succeeded(self) -> bool:
        """Wait; return whether the panel reported success. No answer counts as no: the state is checked anyway."""
        try:
            return self._future.result().ok
        except ShoplaunchError as error:
            if error.code == "panel_auth_failed":
                raise
            return False
