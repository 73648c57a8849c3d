"""Notifications by mail: SMTP, or .eml files in a folder where there is no mail server."""

from __future__ import annotations

import os
import re
import time
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path

from controller.billing import alarm_texts, texts
from controller.billing.base import Alarm, Billing, Handover
from controller.files import write_durably
from controller.network.smtp import MailServer, NotDelivered, deliver
from controller.network.trust import trusted
from controller.settings.sections import MailConfig
from controller.telemetry import tracing
from shared.errors import ShoplaunchError

#: For the whole delivery: a server that greylists, verifies the recipient and scans the message takes minutes. A
#: message that is given up while the server accepts it arrives, and is then sent a second time.
TIMEOUT_SECONDS = 5 * 60
STEP_SECONDS = 30
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")
#: Plain readable text without a transfer encoding.
_POLICY = SMTP.clone(cte_type="8bit", max_line_length=0)


class Mail(Billing):
    """Notifications by mail, as section [mail] of the configuration sets."""

    def __init__(self, settings: MailConfig) -> None:
        self._settings = settings

    def hand_over(self, news: Handover) -> None:
        """See Billing.hand_over."""
        servers = texts.NAME_SERVERS if news.name_servers else ""
        called = texts.named(news.noun, news.language)
        line = texts.filled(servers, news.language, {"name_servers": ", ".join(news.name_servers), **called})
        values = {**vars(news), "first_name": news.first_name or news.domain, "name_servers_line": line, **called}
        subject = texts.filled(texts.MAIL_SUBJECT, news.language, values)
        text = texts.filled(texts.MAIL, news.language, values)
        name = f"{news.job}.ready"
        self._send(news.email, subject, text, name, self._identity(name))

    def alarm(self, news: Alarm) -> None:
        """See Billing.alarm. Raises ShoplaunchError `operator_missing` without [mail] operator."""
        if not self._settings.operator:
            raise ShoplaunchError("operator_missing", "nobody was notified: [mail] operator is not set")
        name = f"{news.job}.alarm"
        # The next alarm is no repetition of this one: mailboxes would hide it
        identity = self._identity(f"{name}.{news.number}.{news.state}.{news.code}" if news.number else "")
        self._send(self._settings.operator, alarm_texts.subject(news), alarm_texts.text(news), name, identity)

    def _identity(self, name: str) -> str:
        """Return the message's id: of what has a name, a repetition has the same, as the first may have arrived."""
        domain = self._settings.sender.rpartition("@")[2] or "localhost"
        return f"<shoplaunch.{_UNFIT.sub('-', name)}@{domain}>" if name else make_msgid(domain=domain)

    def _send(self, recipient: str, subject: str, text: str, name: str, identity: str) -> None:
        message = EmailMessage(policy=_POLICY)
        message["From"], message["To"] = self._settings.sender, _to(recipient)
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate(time.time())
        message["Message-ID"] = identity
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, charset="utf-8", cte="8bit")
        try:
            with tracing.span("mail"):
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
