"""The texts of an order's ticket, and the reference by which the ticket and each entry are found again."""

from __future__ import annotations

from controller.billing import alarm_texts, texts
from controller.billing.base import About, Alarm, Handover
from controller.billing.whmcs.clients import Client
from controller.wording.languages import number


def reference(about: About, entry: str = "") -> str:
    """Return the reference of the ticket, or of its `entry`."""
    return f"#{about.job}-{entry}" if entry else f"#{about.job}"


def opening(about: About, client: Client) -> tuple[str, str]:
    """Return (subject, message) of the new ticket."""
    values = _values(about, client)
    return texts.filled(texts.SUBJECT, client.language, values), texts.filled(texts.OPENED, client.language, values)


def ready(about: About, client: Client, news: Handover, ready_at: float) -> str:
    """Return the answer that the shop is ready since `ready_at` (unix seconds)."""
    servers = texts.NAME_SERVERS if news.name_servers else ""
    values = {
        **_values(about, client),
        **{name: getattr(news, name) for name in ("shop_url", "admin_url", "login", "password_link")},
        "days": number(news.link_days, client.language),
        "ready_at": texts.moment(ready_at, client.language),
        "name_servers": ", ".join(news.name_servers),
        "reference": reference(about, "ready"),
    }
    values["password_line"] = texts.filled(texts.PASSWORD_LINES[news.way], client.language, values)
    values["name_servers_line"] = texts.filled(servers, client.language, values)
    return texts.filled(texts.READY, client.language, values)


def note(about: About, news: Alarm, entry: str) -> str:
    """Return the note to staff about a failure."""
    return alarm_texts.note(news, reference(about, entry))


def _values(about: About, client: Client) -> dict[str, str]:
    names = {"domain": about.domain, "status_url": about.status_url, "reference": reference(about)}
    return {**names, "first_name": client.first_name, **texts.named(about.noun, client.language)}
