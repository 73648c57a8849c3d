"""Who is told what about a shop, whichever way the news travel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from controller.product_kind import SHOP
from shared.errors import ShoplaunchError


class Unsettled(ShoplaunchError):
    """A change that was asked for is not there and may still come: only in `seconds` may it be asked for again."""

    def __init__(self, code: str, message: str, seconds: float) -> None:
        super().__init__(code, message)
        self.seconds = seconds


class NotificationLog(ABC):
    """What was told about a job already; kept at once, so that nobody is told twice."""

    @abstractmethod
    def get(self, name: str) -> Any:
        """Return what is known under `name`, None when nothing is."""

    @abstractmethod
    def put(self, name: str, value: Any) -> None:
        """Keep `value` (JSON) under `name`; it is durable when this returns."""


class NullLog(NotificationLog):
    """A memory for news that need none."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """See Memory.get."""
        return self._known.get(name)

    def put(self, name: str, value: Any) -> None:
        """See Memory.put."""
        self._known[name] = value


@dataclass(frozen=True)
class About:
    """The job that news are about, and whose it is in billing. `domain` is for people to read."""

    job: str
    domain: str
    email: str
    first_name: str
    language: str
    status_url: str
    service_id: str = ""
    client_id: str = ""
    #: What it is to its client (controller.product_kind).
    noun: str = SHOP
    memory: NotificationLog = field(default_factory=NullLog, repr=False, compare=False)


@dataclass(frozen=True)
class Handover:
    """What the client gets when the shop lives; the password is told this once, or by a page behind a link.

    `domain` is for people to read; the addresses are as the net wants them.
    """

    job: str
    domain: str
    email: str
    first_name: str
    language: str
    shop_url: str
    admin_url: str
    login: str
    password: str = field(default="", repr=False)
    password_link: str = field(default="", repr=False)
    #: How the password is told: `mail`, `link` or `set`; `used` when the link served already.
    way: str = "mail"
    name_servers: tuple[str, ...] = ()
    #: Unix seconds.
    ready_at: float = 0.0
    noun: str = SHOP
    about: About | None = None


#: The state an alarm names for an order that no job was made of.
REFUSED = "refused"


@dataclass(frozen=True)
class Alarm:
    """What the operator is told when a job, or an order without one, needs somebody; never a secret in it."""

    job: str
    domain: str
    server: str
    state: str
    step: str | None
    code: str
    message: str
    advice: str
    admin_url: str
    about: About | None = None


class Billing(ABC):
    """A way of telling people. Every call may be repeated when it is unknown whether the news arrived."""

    #: Whether the client is told of the beginning and of delays too.
    keeps_posted: ClassVar[bool] = False
    #: How the client learns the password: `mail` (in the news), `link` (a page shows it once), `set` (chosen there).
    credentials: str = "mail"

    @abstractmethod
    def hand_over(self, news: Handover) -> None:
        """The client knows. Raises ShoplaunchError `mail_failed`, `whmcs_*`."""

    def credentials_for(self, about: About) -> str:
        """Return how this client learns the password. Raises as `hand_over`."""
        return self.credentials

    @abstractmethod
    def alarm(self, news: Alarm) -> None:
        """The operator knows. Raises ShoplaunchError `operator_missing`, `mail_failed`, `whmcs_*` (retryable)."""

    def announce(self, about: About) -> str:
        """The client knows that the shop is being built; return a note for the operator. Raises as `hand_over`."""
        return ""

    def delayed(self, about: About) -> str:
        """The client knows that it takes longer; return a note for the operator. Raises as `hand_over`."""
        return ""
