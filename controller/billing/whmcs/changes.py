"""Changes in WHMCS, each made once, even after a lost answer.

Before each change, a query checks whether it is there already; then it is recorded that the change is requested. After
a lost answer, a change that is found counts as made; one that is not is requested again once WHMCS had time to finish
the first call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from controller.billing.base import About, Unsettled
from controller.billing.whmcs.api import GaveUp, NeverAsked, WhmcsApi, WhmcsError
from shared.errors import ShoplaunchError

Found = TypeVar("Found")
#: How long WHMCS may continue a call for which a page or an error came: its mail server and hooks take seconds.
SETTLE_SECONDS = 15.0
#: Where nothing came WHMCS may go on; no call lives longer than this on any common web server.
SLOW_SECONDS = 600.0
UNREACHABLE = "whmcs_unreachable"
#: This, too, leaves it unknown whether the change was made.
_TOO_LARGE = "whmcs_answer_too_large"
_TEMPLATE_ERRORS = ("email template not found", "email template is disabled")


class Changes:
    """Changes made through `api`; what was asked for and made is noted in the delivery log of its job."""

    def __init__(self, api: WhmcsApi, clock: Callable[[], float]) -> None:
        self._api = api
        self._clock = clock

    def once(self, about: About, what: str, find: Callable[[], Found | None], act: Callable[[], Found]) -> Found:
        """Return what `find` finds, else what `act` makes. Raises Unsettled while an earlier call may take effect."""
        # Read before the query: the query may miss a change that settles during it
        left = about.log.moment(_settles(what)) - self._clock()
        found = find()
        if found:
            return found
        if left > 0:
            # The change may take effect well before
            message = "WHMCS did not answer and may still be processing the call"
            raise Unsettled(UNREACHABLE, message, min(left, SETTLE_SECONDS))
        return act()

    def make(self, about: About, what: str, action: str, **values: str | int) -> dict[str, object]:
        """Make a change; record beforehand until when it may still take effect, in case no answer comes.

        Raises as WhmcsApi.call; a refusal is `whmcs_template`, `whmcs_mail_failed` or `whmcs_error`.
        """
        settles, now = _settles(what), self._clock()
        about.log.put(settles, now + SLOW_SECONDS)
        try:
            answer = self._api.call(action, **values)
        except WhmcsError as error:
            about.log.put(settles, None)
            raise _refusal(error) from None
        except ShoplaunchError as error:
            lost = error.code in (UNREACHABLE, _TOO_LARGE) and not isinstance(error, NeverAsked)
            wait = SLOW_SECONDS if isinstance(error, GaveUp) else SETTLE_SECONDS
            about.log.put(settles, self._clock() + wait if lost else None)
            raise
        about.log.put(settles, None)
        return answer


def was_lost(about: About, what: str) -> bool:
    """Return whether an earlier answer to this change was lost."""
    return about.log.get(_settles(what)) is not None


def _settles(what: str) -> str:
    return f"{what}_settles"


def _refusal(error: WhmcsError) -> ShoplaunchError:
    text = error.message.lower()
    if text.startswith(_TEMPLATE_ERRORS):
        return ShoplaunchError("whmcs_template", str(error))
    if text.startswith("sending failed"):
        return ShoplaunchError("whmcs_mail_failed", str(error))
    return ShoplaunchError("whmcs_error", str(error))
