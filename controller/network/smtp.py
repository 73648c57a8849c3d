"""A conversation with a mail server: one deadline over all of it, one for each step, so many bytes of answers."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from controller.network.exchange import BoundedSocket, Exchange
from controller.network.resolver import own_name

#: A server says a few lines to each command.
ANSWER_BYTES = 64 * 1024
#: Name servers may take so long to say what this machine is called.
NAME_SECONDS = 5.0


class NotDelivered(Exception):
    """The mail server did not take the message; the text says why, not in the server's words."""


@dataclass(frozen=True)
class MailServer:
    """Where mail goes; with `context` over TLS after STARTTLS, with a `user` signed in."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    user: str | None = None
    password: str = field(default="", repr=False)


def deliver(server: MailServer, message: EmailMessage, seconds: float, step_seconds: float) -> None:
    """Hand `message` to `server`; everything is over after `seconds`, and when one step takes `step_seconds`.

    Raises NotDelivered.
    """
    try:
        with _BoundedSmtp(server, Exchange(seconds, step_seconds=step_seconds)) as conversation:
            if server.context is not None:
                conversation.encrypt(server.context)
            if server.user is not None:
                conversation.login(server.user, server.password)
            conversation.send_message(message)
    except smtplib.SMTPResponseException as problem:
        raise NotDelivered(f"the mail server answered {problem.smtp_code}") from None
    except smtplib.SMTPRecipientsRefused:
        raise NotDelivered("the recipient was refused") from None
    except (OSError, ValueError) as problem:
        # An address no server takes, a server that is not there; the library's own failures are of these too
        cause = _cause(problem)
        reason = getattr(cause, "strerror", None) or str(cause)
        raise NotDelivered(f"{type(cause).__name__}: {reason}"[:200]) from None


def _cause(problem: Exception) -> BaseException:
    """Return what ended the conversation: of a failure while it sends, the library says only that nobody is there."""
    if isinstance(problem, smtplib.SMTPServerDisconnected) and isinstance(problem.__context__, OSError):
        return problem.__context__
    return problem


class _BoundedSmtp(smtplib.SMTP):
    def __init__(self, server: MailServer, exchange: Exchange) -> None:
        self._exchange = exchange
        self._address = ""
        exchange.allow(ANSWER_BYTES)
        # Without a name the library asks name servers for one, which knows no deadline
        super().__init__(server.host, server.port, local_hostname="localhost", timeout=exchange.seconds)
        self.local_hostname = self._own_name()

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        found = self._exchange.connect(host, port)
        address = str(found.getsockname()[0])
        self._address = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        return BoundedSocket(found, self._exchange)

    def _own_name(self) -> str:
        """Return what the server is greeted by: this machine's name with its domain, else its address."""
        try:
            name = own_name(self._exchange.left(NAME_SECONDS))
        except (OSError, ValueError):
            # Too late, or a name no name server takes
            return self._address
        return name if "." in name else self._address

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Go on over TLS, the certificate verified for the host."""
        standing_in: Any = _Encrypting(context, self._exchange)
        self.starttls(context=standing_in)


class _Encrypting:
    """Stands in for the SSLContext, of which the library calls this method alone."""

    def __init__(self, context: ssl.SSLContext, exchange: Exchange) -> None:
        self._context = context
        self._exchange = exchange

    def wrap_socket(self, found: BoundedSocket, server_hostname: str) -> BoundedSocket:
        encrypted = self._exchange.encrypt(found.plain, self._context, server_hostname)
        return BoundedSocket(encrypted, self._exchange)
