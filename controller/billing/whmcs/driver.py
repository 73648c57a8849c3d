"""Notifications through WHMCS: one ticket per order, three mails, staff notes; ticket and mails do not wait for each
other."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import ClassVar

from controller.billing.base import About, Alarm, Billing, Handover, Unsettled
from controller.billing.whmcs.api import WhmcsApi
from controller.billing.whmcs.changes import Changes
from controller.billing.whmcs.clients import Client, client_of
from controller.billing.whmcs.mails import Mails
from controller.billing.whmcs.settings import LINK, MAIL, WhmcsSettings
from controller.billing.whmcs.tickets import Tickets
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)


class Whmcs(Billing):
    """Notifications through WHMCS as section [whmcs] sets. `operator` is also notified of failures."""

    keeps_posted: ClassVar[bool] = True

    def __init__(
        self, settings: WhmcsSettings, operator: Billing | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings
        self.credentials = settings.credentials
        self._api = WhmcsApi(settings)
        changes = Changes(self._api, clock)
        self._tickets = Tickets(settings, self._api, changes)
        self._mails = Mails(self._api, changes)
        self._operator = operator
        self._clock = clock

    def announce(self, about: About) -> str:
        """See Billing.announce: the order's ticket, and the mail `request received`."""
        client = self._client(about)
        ticket, note = _each(
            lambda: self._tickets.open(about, client),
            lambda: self._mails.received(about, client),
        )
        return f"ticket {ticket}; {note}"

    def hand_over(self, news: Handover) -> None:
        """See Billing.hand_over: an answer in the ticket, and the mail `shop ready` after the first one."""
        about = _about(news)
        client = self._client(about)
        _each(
            lambda: self._tickets.answer_ready(about, client, news, news.ready_at or self._clock()),
            lambda: self._mails.ready(about, client, news),
        )

    def credentials_for(self, about: About) -> str:
        """See Billing.credentials_for: a client who opted out of mails finds a link in the ticket."""
        if self.credentials == MAIL and self._client(about).no_mail:
            return LINK
        return self.credentials

    def delayed(self, about: About) -> str:
        """See Billing.delayed: the mail `shop delayed`."""
        return self._mails.delayed(about, self._client(about))

    def alarm(self, news: Alarm) -> None:
        """See Billing.alarm: a note in the ticket that only staff sees, and the operator's mail.

        Once the note exists, a missing operator address is no failure: staff is informed.
        """
        about = _about(news)
        failure = hashlib.sha256(repr((news.state, news.step, news.code, news.message)).encode()).hexdigest()[:12]
        # A follow-up job has no ticket of its own
        problem = self._try_note(about, news, failure) if about.service_id else None
        if self._operator is not None and about.log.get("alarm_mailed") != failure:
            self._mail_operator(self._operator, news, failure, noted=bool(about.service_id) and problem is None)
        if problem is not None and problem.retryable:
            raise problem

    def _mail_operator(self, operator: Billing, news: Alarm, failure: str, *, noted: bool) -> None:
        try:
            operator.alarm(news)
        except ShoplaunchError as error:
            if not noted or error.code != "operator_missing":
                raise
            return
        _about(news).log.put("alarm_mailed", failure)

    def _try_note(self, about: About, news: Alarm, failure: str) -> ShoplaunchError | None:
        """Write the note; return the error that prevented it: the operator's mail must go out all the same."""
        if about.log.get("noted") == failure:
            return None
        try:
            self._tickets.note(about, self._client(about), news, failure)
        except ShoplaunchError as error:
            LOG.warning("job %s: no note in WHMCS: %s: %s", about.job, error.code, error.message)
            return error
        return None

    def _client(self, about: About) -> Client:
        return client_of(self._api, about)


def _each(*actions: Callable[[], object]) -> list[object]:
    """Call all of `actions`, even when some fail; return their results.

    Raises the failure that most deserves a retry: first one that may pass, then one that only needs waiting.
    """
    results, failures = [], []
    for act in actions:
        try:
            results.append(act())
        except ShoplaunchError as error:
            LOG.warning("%s: %s", error.code, error.message)
            failures.append(error)
    if failures:
        raise min(failures, key=lambda error: (not error.retryable, isinstance(error, Unsettled)))
    return results


def _about(news: Handover | Alarm) -> About:
    if news.about is None:
        raise ShoplaunchError("internal", "news for WHMCS need to say what they are about")
    return news.about
