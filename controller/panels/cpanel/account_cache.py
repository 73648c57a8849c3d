"""What was seen of one account: asked side by side where a job begins, forgotten where something was changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from controller.panels.cpanel.api.answers import Answer
from controller.panels.cpanel.api.whm import Request, Whm
from shared.errors import ShoplaunchError
from shared.job import FOLDER, STAMP_FILE

Result = TypeVar("Result")
#: As many as may be in flight at once, whatever the setting.
THREADS = 64
#: What does not change while a panel object lives.
LASTING = ("restrictions", "server", "installed_php")
#: How Fileman is asked for names and for text, so that nothing is guessed or altered.
LISTING: dict[str, Any] = {"show_hidden": "1", "include_permissions": "1"}
READING: dict[str, Any] = {"from_charset": "utf-8", "to_charset": "utf-8", "update_html_document_encoding": "0"}
#: What is asked of UAPI, by the name under which it is remembered.
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


class Looks:
    """Looks at the account `user`. While `sharing`, what was seen is remembered until it is forgotten."""

    def __init__(self, whm: Whm, user: str) -> None:
        self._whm = whm
        self._user = user
        self.sharing = False
        self._seen: dict[str, Answer | Started] = {}
        self._last: dict[str, Answer] = {}
        self._guard = threading.Lock()

    def _request(self, key: str) -> Request:
        """Return how `key` is looked at: a key of `_UAPI`, `summary`, or `domain NAME`."""
        if key == "summary":
            return Request("accountsummary", {"user": self._user})
        what, _, domain = key.partition(" ")
        function, arguments = _UAPI[what]
        return Request(function, {**arguments, "domain": domain} if domain else arguments, self._user)

    def domain(self, domain: str) -> Answer:
        """Return what DomainInfo says about one domain of the account."""
        return self.see(f"domain {domain}")

    def see(self, what: str) -> Answer:
        """Return what was seen of `what` (a key of the ways to look), looking when it is not known."""
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
        """Begin to look at `what` beside other work."""
        with self._guard:
            if what not in self._seen:
                self._seen[what] = Started(self._way(what))

    def _way(self, what: str) -> Callable[[], Answer]:
        if what == "crontab":
            return lambda: self._whm.api2(self._user, "Cron", "listcron", look=True)
        return lambda: self._whm.look(self._request(what))

    def see_all(self, *keys: str) -> None:
        """All of these are seen: in one call, side by side where the server carries out no such call."""
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
        """Return what was seen the last time, maybe before a change; None when it never was."""
        with self._guard:
            return self._last.get(what)

    def learn(self, what: str, answer: Answer) -> None:
        """What an act of ours made certain counts as seen."""
        with self._guard:
            self._seen[what] = answer

    def forget(self, *keys: str) -> None:
        """These are looked at anew the next time."""
        with self._guard:
            for key in keys:
                self._seen.pop(key, None)

    def forget_seen(self) -> None:
        """Everything is looked at anew."""
        with self._guard:
            self._seen = {}

    def forget_all(self) -> None:
        """Nothing was seen, and nothing is remembered from now on."""
        with self._guard:
            self.sharing = False
            self._seen = {}


def side_by_side(calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """Return what the calls return, made at the same time. Raises what the first of them that failed raised, a
    refused login before anything else."""
    waiting = list(calls)
    with ThreadPoolExecutor(min(max(len(waiting), 1), THREADS)) as pool:
        futures = [pool.submit(call) for call in waiting]
    problems = [problem for future in futures if (problem := future.exception()) is not None]
    problems.sort(key=lambda problem: getattr(problem, "code", "") != "panel_auth_failed")
    if problems:
        raise problems[0]
    return [future.result() for future in futures]


class Started:
    """A call that is under way beside everything else; `result` waits for it."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self._future: Future[Answer] = Future()
        self._call = call
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._future.set_result(self._call())
        except BaseException as problem:  # noqa: BLE001 - told to whoever waits
            self._future.set_exception(problem)

    def answer(self) -> Answer:
        """Wait for the answer. Raises what the call raised."""
        return self._future.result()

    def within(self, seconds: float) -> Answer | None:
        """Wait so long at most for the answer; None where there is none, or the call failed."""
        try:
            return self._future.result(max(0.0, seconds))
        except (ShoplaunchError, TimeoutError):
            return None

    def succeeded(self) -> bool:
        """Wait; tell whether the panel said it was done. A failure of ours is a no: it is looked at anyway."""
        try:
            return self._future.result().ok
        except ShoplaunchError as error:
            if error.code == "panel_auth_failed":
                raise
            return False
