"""Notifications by mail: SMTP, or .eml files in a folder where there is no mail server."""

from __future__ import annotations

import os
import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path
from string import Template

from controller.billing import texts
from controller.billing.base import REFUSED, Alarm, Billing, Handover
from controller.config import MailConfig
from controller.files import write_durably
from controller.network.smtp import MailServer, NotDelivered, deliver
from controller.network.trust import trusted
from shared.errors import ShoplaunchError

#: For the whole delivery: a server that greylists, verifies the recipient and scans the message takes minutes. A
#: message that is given up while the server accepts it arrives, and is then sent a second time.
TIMEOUT_SECONDS = 5 * 60
STEP_SECONDS = 30
#: Plain readable text without a transfer encoding.
_POLICY = SMTP.clone(cte_type="8bit", max_line_length=0)

#: language -> (subject, text)
_HANDOVER = {
    "en": (
        "Your $noun $domain is ready",
        """\
Hello $first_name,

your $noun is ready. Everything was installed and tested.

$Noun: $shop_url
Back office: $admin_url

Login: $login
Password: $password
$name_servers_line
Please keep this message safe, or change the password after your first login.
""",
    ),
    "fa": (
        "$noun $domain آماده است",
        """\
سلام $first_name،

$noun شما آماده است. همه چیز نصب و آزمایش شده است.

$Noun: $shop_url
بخش مدیریت: $admin_url

نام کاربری: $login
گذرواژه / Password: $password
$name_servers_line
لطفاً این پیام را در جای امنی نگه دارید یا پس از نخستین ورود گذرواژه را عوض کنید.
""",
    ),
}
_ALARM = """\
The shop $domain on $server needs you: it is $state at step "$step".

$code: $message

What to do: $advice

$admin_url
"""
_ALARM_OF_ORDER = """\
An order for $domain was refused: no shop is being made of it.

$code: $message

What to do: $advice

Then send it again: $admin_url
"""


class Mail(Billing):
    """Notifications by mail, as section [mail] of the configuration sets."""

    def __init__(self, settings: MailConfig) -> None:
        self._settings = settings

    def hand_over(self, news: Handover) -> None:
        """See Billing.hand_over."""
        subject, text = _HANDOVER.get(news.language, _HANDOVER["en"])
        servers = texts.NAME_SERVERS if news.name_servers else ""
        called = texts.named(news.noun, news.language)
        line = texts.filled(servers, news.language, {"name_servers": ", ".join(news.name_servers), **called})
        values = {**vars(news), "first_name": news.first_name or news.domain, "name_servers_line": line, **called}
        self._send(news.email, _filled(subject, values), _filled(text, values), f"{news.job}.ready", once=True)

    def alarm(self, news: Alarm) -> None:
        """See Billing.alarm. Raises ShoplaunchError `operator_missing` without [mail] operator."""
        if not self._settings.operator:
            raise ShoplaunchError("operator_missing", "nobody was notified: [mail] operator is not set")
        values = {**vars(news), "step": news.step or "-"}
        subject = f"Shoplaunch: {news.domain} is {news.state} ({news.code})"
        text = _ALARM_OF_ORDER if news.state == REFUSED else _ALARM
        self._send(self._settings.operator, subject, _filled(text, values), f"{news.job}.alarm")

    def _identity(self, name: str, once: bool) -> str:
        domain = self._settings.sender.rpartition("@")[2] or "localhost"
        # A resent message keeps its id, as the first may have arrived: mailboxes show it once
        return f"<shoplaunch.{name}@{domain}>" if once else make_msgid(domain=domain)

    def _send(self, recipient: str, subject: str, text: str, name: str, *, once: bool = False) -> None:
        message = EmailMessage(policy=_POLICY)
        message["From"], message["To"] = self._settings.sender, _to(recipient)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate(time.time())
        message["Message-ID"] = self._identity(name, once)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, charset="utf-8", cte="8bit")
        try:
            if self._settings.folder:
                self._put(Path(self._settings.folder), name, message)
            else:
                self._deliver(message)
        except (NotDelivered, OSError, ValueError) as problem:
            # Or a full folder, or an address that cannot be written
            raise ShoplaunchError("mail_failed", str(problem)[:200]) from None

    def _put(self, folder: Path, name: str, message: EmailMessage) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(folder / f"{time.time_ns()}.{os.getpid()}.{name}.eml", message.as_bytes(), 0o600)

    def _deliver(self, message: EmailMessage) -> None:
        settings = self._settings
        context = trusted() if settings.starttls else None
        user, password = settings.user, "" if settings.user is None else settings.password() or ""
        server = MailServer(settings.host, settings.port, context, user, password)
        deliver(server, message, TIMEOUT_SECONDS, STEP_SECONDS)


def _to(recipient: str) -> str:
    """Return the address for the message's header. Raises ShoplaunchError `mail_failed` for one that would become a
    different address there: encoded words are decoded."""
    if "=?" in recipient:
        raise ShoplaunchError("mail_failed", "the recipient's address is none that mails are sent to")
    return recipient


def _filled(text: str, values: dict[str, str]) -> str:
    # A single pass: a value that looks like a placeholder stays text
    return Template(text).substitute(values)
