"""The contract of notifications about a shop, whichever channel carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from controller.product_kind import SHOP
from shared.errors import ShoplaunchError


class Unsettled(ShoplaunchError):
    """A requested change is not visible yet and may still take effect; retry it after `seconds` at the earliest."""

    def __init__(self, code: str, message: str, seconds: float) -> None:
        super().__init__(code, message)
        self.seconds = seconds


class NotificationLog(ABC):
    """The notifications of a job sent so far; each is stored at once, so that nobody is notified twice."""

    @abstractmethod
    def get(self, name: str) -> object:
        """Return the value stored under `name`, None when there is none."""

    def moment(self, name: str) -> float:
        """Return the moment (unix seconds) stored under `name`, 0 when there is none."""
        value = self.get(name)
        return float(value) if isinstance(value, int | float) else 0.0

    @abstractmethod
    def put(self, name: str, value: object) -> None:
        """Keep `value` (JSON) under `name`; it is durable when this returns."""


class NullLog(NotificationLog):
    """A log for notifications that need none."""

    def __init__(self) -> None:
        self._known: dict[str, object] = {}

    def get(self, name: str) -> object:
        """See NotificationLog.get."""
        return self._known.get(name)

    def put(self, name: str, value: object) -> None:
        """See NotificationLog.put."""
        self._known[name] = value


@dataclass(frozen=True)
class About:
    """The job of a notification, and its service and client in billing. `domain` is for people to read."""

    job: str
    domain: str
    email: str
    first_name: str
    language: str
    status_url: str
    service_id: str = ""
    client_id: str = ""
    #: What the product is called for its client (controller.product_kind).
    noun: str = SHOP
    log: NotificationLog = field(default_factory=NullLog, repr=False, compare=False)


@dataclass(frozen=True)
class Handover:
    """What the client gets when the shop is live; the password is sent once, or shown by a page behind a link.

    `domain` is for people to read; the addresses are in their technical form.
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
    #: For how many days the link is valid.
    link_days: int = 0
    #: How the password reaches the client: `mail`, `link` or `set`; `used` when the link was used already.
    way: str = "mail"
    name_servers: tuple[str, ...] = ()
    #: Unix seconds.
    ready_at: float = 0.0
    noun: str = SHOP
    about: About | None = None


#: The state in an alarm about an order that never became a job.
REFUSED = "refused"
#: The state in an alarm about many such orders; its `domain` is their number.
MANY_REFUSED = "refused orders"
#: The state in an alarm about a server that fails: its jobs wait.
FAILING = "failing"
#: The state in an alarm about an agent that more jobs failed with.
STOPPED = "stopped"
#: The states in alarms about a backup, retention or a worker's chores.
NOT_DONE, DONE_AGAIN = "not done", "done again"


@dataclass(frozen=True)
class Alarm:
    """The notification to the operator when a job, an order without one, or a server needs attention; it holds no
    secret. `message` and `advice` are in English, `language` is the operator's."""

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
    language: str = "en"
    #: The step's name on pages, in English.
    step_label: str = ""
    #: Which of the alarms about the same this is: a repetition carries the same text, the next alarm another.
    number: str = ""
    #: Of many refused orders: (code, the orders' numbers) by reason.
    reasons: tuple[tuple[str, tuple[int, ...]], ...] = ()


class Billing(ABC):
    """A channel for notifications. Every call may be repeated when it is unknown whether the notification arrived."""

    #: Whether the client is also notified of the start and of delays.
    keeps_posted: ClassVar[bool] = False
    #: How the client gets the password: `mail` (in the mail), `link` (a page shows it once), `set` (chosen there).
    credentials: str = "mail"

    @abstractmethod
    def hand_over(self, news: Handover) -> None:
        """Notify the client that the shop is ready. Raises ShoplaunchError `mail_failed`, `whmcs_*`."""

    def credentials_for(self, about: About) -> str:
        """Return how this client gets the password. Raises as `hand_over`."""
        return self.credentials

    @abstractmethod
    def alarm(self, news: Alarm) -> None:
        """Notify the operator. Raises ShoplaunchError `operator_missing`, `mail_failed`, `whmcs_*` (retryable)."""

    def announce(self, about: About) -> str:
        """Notify the client that the shop is being built; return a note for the operator. Raises as `hand_over`."""
        return ""

    def delayed(self, about: About) -> str:
        """Notify the client of a delay; return a note for the operator. Raises as `hand_over`."""
        return ""
