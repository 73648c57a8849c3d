"""A conversation with a mail server, with limits on its total time, on each step and on the bytes of answers."""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from controller.network import local_peers
from controller.network.exchange import BoundedSocket, Exchange
from controller.network.resolver import own_name

#: A server answers each command with a few lines.
ANSWER_BYTES = 64 * 1024
#: A user is signed in, or was before.
_SIGNED_IN = (235, 503)
#: Limit for the lookup of this machine's name.
NAME_SECONDS = 5.0


class NotDelivered(Exception):
    """The mail server did not take the message; the text gives the reason, not in the server's words."""


@dataclass(frozen=True)
class MailServer:
    """Address of a mail server; with `context` TLS after STARTTLS, with a `user` a login."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    user: str | None = None
    password: str = field(default="", repr=False)


def deliver(server: MailServer, message: EmailMessage, seconds: float, step_seconds: float) -> None:
    """Hand `message` to `server`; give up after `seconds`, or when one step takes `step_seconds`.

    Raises NotDelivered.
    """
    _converse(server, lambda conversation: conversation.send_message(message), seconds, step_seconds)


def greet(server: MailServer, seconds: float, step_seconds: float) -> None:
    """Connect, encrypt and sign in as for a message, and send none. Raises NotDelivered."""
    _converse(server, lambda conversation: conversation.ehlo_or_helo_if_needed(), seconds, step_seconds)


def _converse(server: MailServer, act: Callable[[smtplib.SMTP], object], seconds: float, step_seconds: float) -> None:
    try:
        with _BoundedSmtp(server, Exchange(seconds, step_seconds=step_seconds)) as conversation:
            if server.context is not None:
                conversation.encrypt(server.context)
            if server.user is not None:
                conversation.sign_in(server.user, server.password)
            act(conversation)
    except smtplib.SMTPResponseException as problem:
        raise NotDelivered(f"the mail server answered {problem.smtp_code}") from None
    except smtplib.SMTPRecipientsRefused:
        raise NotDelivered("the recipient was refused") from None
    except (OSError, ValueError) as problem:
        # Includes addresses that no server takes and unreachable servers; the library's own failures are OSErrors
        cause = _cause(problem)
        reason = getattr(cause, "strerror", None) or str(cause)
        raise NotDelivered(f"{type(cause).__name__}: {reason}"[:200]) from None


def _cause(problem: Exception) -> BaseException:
    """Return what ended the conversation: for a failure while sending, the library only reports a lost connection."""
    if isinstance(problem, smtplib.SMTPServerDisconnected) and isinstance(problem.__context__, OSError):
        return problem.__context__
    return problem


class _BoundedSmtp(smtplib.SMTP):
    def __init__(self, server: MailServer, exchange: Exchange) -> None:
        self._exchange = exchange
        self._address = ""
        self._is_plain = server.context is None
        exchange.allow(ANSWER_BYTES)
        # Without a name the library looks one up, without a deadline
        super().__init__(server.host, server.port, local_hostname="localhost", timeout=exchange.seconds)
        self.local_hostname = self._own_name()

    def _get_socket(self, host: str, port: int, timeout: float) -> object:
        found = self._exchange.connect(host, port)
        if self._is_plain:
            # Mails hold clients' links, which an account that has taken the port would read
            try:
                local_peers.require_no_account_here(found)
            except OSError:
                found.close()
                raise
        address = str(found.getsockname()[0])
        self._address = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        return BoundedSocket(found, self._exchange)

    def _own_name(self) -> str:
        """Return the name for EHLO: this machine's name with its domain, else its address."""
        try:
            name = own_name(self._exchange.left(NAME_SECONDS))
        except (OSError, ValueError):
            # Too late, or an invalid name
            return self._address
        return name if "." in name else self._address

    def sign_in(self, user: str, password: str) -> None:
        """As the library's `login`, which takes ASCII alone and quotes what is not in its failure."""
        if user.isascii() and password.isascii():
            self.login(user, password)
            return
        self.ehlo_or_helo_if_needed()
        if "PLAIN" not in str(self.esmtp_features.get("auth", "")).upper().split():
            raise NotDelivered("the mail server takes no name or password beyond ASCII")
        text = base64.b64encode(f"\0{user}\0{password}".encode()).decode("ascii")
        code, answer = self.docmd("AUTH", f"PLAIN {text}")
        if code not in _SIGNED_IN:
            raise smtplib.SMTPAuthenticationError(code, answer)

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Switch to TLS, with the certificate verified for the host."""
        standing_in: Any = _Encrypting(context, self._exchange)
        self.starttls(context=standing_in)


class _Encrypting:
    """A substitute for the SSLContext; the library calls only this method of it."""

    def __init__(self, context: ssl.SSLContext, exchange: Exchange) -> None:
        self._context = context
        self._exchange = exchange

    def wrap_socket(self, found: BoundedSocket, server_hostname: str) -> BoundedSocket:
        encrypted = self._exchange.encrypt(found.plain, self._context, server_hostname)
        return BoundedSocket(encrypted, self._exchange)
