"""Changes on the panel: made once, judged and explained by queries; the panel's messages are only shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from controller.panels.base import RemovalUnanswered
from controller.panels.cpanel.account_cache import AccountCache, side_by_side
from controller.panels.cpanel.api import privileges
from controller.panels.cpanel.api.answers import Answer, is_on, rows, unlimited
from controller.panels.cpanel.api.whm import SILENT, Silence, Whm
from shared.errors import ShoplaunchError

#: feature of cPanel -> its name for people
FEATURES = {
    "mysql": "databases (mysql)",
    "cron": "cron jobs (cron)",
    "filemanager": "files (filemanager)",
    "multiphp": "the choice of PHP (multiphp)",
    "autossl": "AutoSSL (autossl)",
}

Result = TypeVar("Result")
#: Makes an error from the panel's message.
Failure = Callable[[str], ShoplaunchError]


class Operation:
    """The outcome of a change: reported as done, refused with a message, or unknown because no answer came."""

    def __init__(self, act: Callable[[], Answer]) -> None:
        self.silence: ShoplaunchError | None = None
        self.answer = Answer(False, None)
        try:
            self.answer = act()
        except ShoplaunchError as error:
            if error.code not in SILENT:
                raise
            self.silence = error

    @property
    def said_done(self) -> bool:
        """Return whether the panel reports success."""
        return self.answer.ok

    def removed(self, is_there: Callable[[], Result]) -> Result:
        """Return what `is_there` finds after a removal. Raises RemovalUnanswered where no answer came and it finds
        something, or cannot tell."""
        try:
            found = is_there()
        except ShoplaunchError:
            self._require_answer()
            raise
        if found:
            self._require_answer()
        return found

    def _require_answer(self) -> None:
        if isinstance(self.silence, Silence) and self.silence.was_sent:
            raise RemovalUnanswered(self.silence.code, self.silence.message)


def ensure(
    cache: AccountCache, keys: tuple[str, ...], there: Callable[[], bool], act: Callable[[], Answer], failed: Failure
) -> None:
    """Make `there()` true: act when it is not, and check again, at the latest in `verify_prepared`.

    Raises what `failed` makes of a refusal, panel_unreachable when no answer came and nothing is there.
    """
    if there():
        return
    operation = Operation(act)
    cache.forget(*keys)
    if (operation.said_done and cache.sharing) or there():
        return
    raise operation.silence or failed(operation.answer.text)


def ensure_gone(
    cache: AccountCache, keys: tuple[str, ...], is_there: Callable[[], bool], act: Callable[[], Answer], failed: Failure
) -> None:
    """Make `is_there()` false: act when it is not, and check again.

    Raises what `failed` makes of a refusal, RemovalUnanswered when no answer came and it is there.
    """
    if not is_there():
        return
    operation = Operation(act)
    cache.forget(*keys)
    if operation.removed(is_there):
        raise operation.silence or failed(operation.answer.text)


class Reasons:
    """The reason of the panel's refusal for the account: found by queries, the panel's message is only shown."""

    def __init__(self, whm: Whm, cache: AccountCache, user: str, host: str = "") -> None:
        self._whm = whm
        self._cache = cache
        self._user = user
        self._host = host

    def of(self, what: str, feature: str = "", *, files: bool = False) -> Failure:
        """Return a function that makes an error from the panel's message about the refusal of `what`."""
        return lambda text: self._reason(what, text, feature, files)

    def of_home(self, home: str, feature: str) -> Failure:
        """Return a function that makes an error from the panel's message when it does not even list the home."""

        def reason(text: str) -> ShoplaunchError:
            problem = self._reason("the files of the home", text, feature, files=False)
            # All other possible causes were checked
            code = "home_closed" if problem.code == "panel_refused" else problem.code
            return ShoplaunchError(code, f"{home}: {problem.message}")

        return reason

    def _reason(self, what: str, text: str, feature: str, files: bool) -> ShoplaunchError:
        self._cache.forget("summary", "features", "quota")
        summary, features, quota = side_by_side(
            [lambda key=key: self._cache.see(key) for key in ("summary", "features", "quota")]  # type: ignore[misc]
        )
        found = rows(summary.data, "acct") if summary.ok else []
        words = f"{what}: {text or 'refused without a word'}"
        if not found and not features.ok and not quota.ok:
            return self.gone(words)
        if found and is_on(found[0].get("suspended")):
            return suspended(self._user, found[0])
        known = features.data if features.ok and isinstance(features.data, dict) else {}
        if feature in known and not is_on(known[feature]):
            message = f"the account {self._user} may not use {FEATURES.get(feature, feature)}; {words}"
            return ShoplaunchError("feature_missing", message)
        full = _full(quota.data) if quota.ok and files else None
        if full is not None:
            return ShoplaunchError(full, words)
        return ShoplaunchError("panel_refused", words)

    def gone(self, words: str) -> ShoplaunchError:
        """Return the error for an account that does not exist (for the login), and where its host is now."""
        privileges.require(self._whm, "cpanel-api", words)
        if self._host:
            answer = self._whm.call("accountsummary", read_only=True, domain=self._host)
            found = rows(answer.data, "acct") if answer.ok else []
            now = str(found[0].get("user") or "") if found else ""
            if now and now != self._user:
                message = f"{self._host} belongs to the account {now} now, not to {self._user}"
                return ShoplaunchError("account_renamed", message)
        return ShoplaunchError("account_missing", f"{self._whm.user} sees no account {self._user} ({words})")


def suspended(user: str, summary: dict[str, object]) -> ShoplaunchError:
    """Return the error of a suspended account."""
    why = str(summary.get("suspendreason") or "no reason given")[:200]
    return ShoplaunchError("account_suspended", f"the account {user} is suspended: {why}")


def allowed(summary: dict[str, object], key: str) -> int | None:
    """Return a limit of the account's package, None for no limit or none reported."""
    value = summary.get(key)
    try:
        return None if unlimited(value) else int(str(value))
    except ValueError:
        return None


def _full(quota: object) -> str | None:
    """Return the code for an exhausted resource, None when there is room or it is unknown."""
    if not isinstance(quota, dict):
        return None
    for limit, remain, code in (
        ("megabyte_limit", "megabytes_remain", "disk_space"),
        ("inode_limit", "inodes_remain", "inodes"),
    ):
        try:
            if float(quota.get(limit) or 0) > 0 and float(quota.get(remain) or 0) < 1:
                return code
        except (TypeError, ValueError):
            continue
    return None
