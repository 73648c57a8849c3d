"""The three mails to the client, sent by WHMCS from its templates, each once."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping

from controller.billing.base import About, Handover, Unsettled
from controller.billing.whmcs.answers import items
from controller.billing.whmcs.api import WhmcsApi
from controller.billing.whmcs.changes import UNREACHABLE, Changes, was_lost
from controller.billing.whmcs.clients import Client
from controller.billing.whmcs.php_serialized import custom_variables
from controller.billing.whmcs.settings import SET
from controller.product_kind import SITE
from controller.telemetry import tracing
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
RECEIVED, READY, DELAYED = (
    "Shoplaunch: request received", "Shoplaunch: shop ready", "Shoplaunch: shop delayed",
)  # fmt: skip
PAGE = 100
#: So many of a client's mails are read from the beginning of their list, and so many from its end: in which order WHMCS
#: lists them is not documented.
MAX_MAILS = 1000
_COUNT = re.compile(r"[0-9]{1,9}")
VARIABLES = (
    "shop_domain", "shop_url", "shop_admin_url", "shop_login", "shop_password_link", "shop_password",
    "shop_password_to_choose", "shop_name_servers", "shop_status_url", "shop_persian", "shop_is_site",
)  # fmt: skip
#: Language -> the variable by which a template knows that it is the client's; English where none is set.
LANGUAGE_FLAGS = {"fa": "shop_persian"}


class Mails:
    """The mails WHMCS sends to the clients of our services."""

    def __init__(self, api: WhmcsApi, changes: Changes) -> None:
        self._api = api
        self._changes = changes

    def received(self, about: About, client: Client) -> str:
        """Send the mail `request received`; return a note."""
        return self._send(about, client, "received", RECEIVED, {})

    def delayed(self, about: About, client: Client) -> str:
        """Send the mail `shop delayed`; return a note."""
        return self._send(about, client, "delayed", DELAYED, {})

    def ready(self, about: About, client: Client, news: Handover) -> None:
        """Send the client the mail `shop ready`, after the one that the request was received."""
        if not about.log.get("mailed_ready"):
            self._beginning(about, client)
        values = {
            "shop_url": news.shop_url,
            "shop_admin_url": news.admin_url,
            "shop_login": news.login,
            "shop_password_link": news.password_link,
            "shop_password": news.password,
            "shop_password_to_choose": _flag(news.way == SET),
            "shop_name_servers": ", ".join(news.name_servers),
        }
        self._send(about, client, "ready", READY, values)

    def _beginning(self, about: About, client: Client) -> None:
        """Send the first mail. Raises `whmcs_unreachable` when a retry may help; an unsendable mail blocks no other."""
        lost_before = was_lost(about, "mailed_received")
        try:
            self.received(about, client)
        except Unsettled:
            raise
        except ShoplaunchError as error:
            if error.code == UNREACHABLE and not lost_before:
                raise
            LOG.warning(
                "job %s: the mail about the beginning is given up: %s: %s", about.job, error.code, error.message
            )

    def _send(self, about: About, client: Client, kind: str, template: str, values: dict[str, str]) -> str:
        """Send the client the mail once; return a note. Every mail contains its own status address."""
        what = f"mailed_{kind}"
        if about.log.get(what):
            return "mail sent"
        if client.no_mail:
            about.log.put(what, "unwanted")
            return "the client wants no mail about products"
        address = f"{about.status_url}?m={kind}"
        marks = _marks(address, values, was_lost=was_lost(about, what))
        flags = {name: _flag(client.language == code) for code, name in LANGUAGE_FLAGS.items()}
        flags["shop_is_site"] = _flag(about.noun == SITE)
        known = {"shop_domain": about.domain, "shop_status_url": address, **flags, **values}
        variables = custom_variables({name: known.get(name, "") for name in VARIABLES})
        with tracing.span("mail"):
            self._changes.once(
                about, what,
                lambda: self._was_sent(client, marks),
                lambda: self._changes.make(
                    about, what, "SendEmail", messagename=template, id=about.service_id, customvars=variables
                ),
            )  # fmt: skip
        about.log.put(what, True)
        return "mail sent"

    def _was_sent(self, client: Client, marks: list[str]) -> bool:
        return any(mark in str(row.get("message")) for row in self._listed(client) for mark in marks)

    def _listed(self, client: Client) -> Iterator[dict[str, object]]:
        """Yield the client's mails; of a long list those at its beginning, then those at its end."""
        at = total = 0
        for _end in range(2):
            at = max(at, total - MAX_MAILS)
            last = at + MAX_MAILS
            while at < last:
                answer = self._api.ask("GetEmails", clientid=client.id, limitstart=at, limitnum=PAGE)
                rows = list(items(answer, "emails", "email"))
                yield from rows
                # WHMCS may return fewer rows than requested
                at += len(rows)
                total = _total(answer)
                if not rows or at == total:
                    return


def _total(answer: Mapping[str, object]) -> int:
    """Return how many mails there are, 0 where the answer does not say."""
    said = str(answer.get("totalresults"))
    return int(said) if _COUNT.fullmatch(said) else 0


def _marks(address: str, values: Mapping[str, str], *, was_lost: bool) -> list[str]:
    """Return texts one of which is in the mail if it was sent; edited templates may lack one or the other.

    The back office's address may stand in the mail about an earlier shop of the same domain as well: it is a sign only
    where there is no better one, or an answer to this very mail was lost.
    """
    own = [address, values.get("shop_password_link", ""), values.get("shop_password", "")]
    if was_lost or not any(own[1:]):
        own.append(values.get("shop_admin_url", ""))
    return [mark for mark in own if mark]


def _flag(is_so: bool) -> str:
    """Return a yes or no as a template's `{if}` reads it."""
    return "1" if is_so else ""
