"""AutoSSL for one account, through UAPI's SSL: request a certificate, report what prevents its issue."""

from __future__ import annotations

from controller.panels.cpanel.api.answers import clean, is_on, rows
from controller.panels.cpanel.api.whm import Whm
from controller.panels.cpanel.operations import Operation, Reasons

FEATURE = "autossl"


class AutoSsl:
    """AutoSSL of the account `user`."""

    def __init__(self, whm: Whm, reasons: Reasons, user: str) -> None:
        self._whm = whm
        self._why = reasons.of("AutoSSL", FEATURE)
        self._user = user

    def request(self) -> None:
        """Start AutoSSL's check of the domains unless one is under way. Raises feature_missing, panel_*, account_*."""
        if self._is_checking():
            return
        operation = Operation(lambda: self._whm.uapi(self._user, "SSL", "start_autossl_check"))
        if not operation.said_done:
            raise operation.silence or self._why(operation.answer.text)

    def problems(self, host: str) -> list[str]:
        """Return the problems found by its last check, those of `host` first. Raises as `request` does."""
        answer = self._whm.uapi(self._user, "SSL", "get_autossl_problems", read_only=True)
        if not answer.ok:
            raise self._why(answer.text)
        found = sorted(rows(answer.data), key=lambda row: row.get("domain") != host)
        return [text for row in found if (text := clean(row.get("problem")))]

    def _is_checking(self) -> bool:
        answer = self._whm.uapi(self._user, "SSL", "is_autossl_check_in_progress", read_only=True)
        return answer.ok and is_on(answer.data)
