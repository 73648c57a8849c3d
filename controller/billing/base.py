"""Who is told what about a shop, whichever way the news travel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Handover:
    """What the client gets when the shop lives; the password is told this once."""

    job: str
    domain: str
    email: str
    first_name: str
    language: str
    shop_url: str
    admin_url: str
    login: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Alarm:
    """What the operator is told when a job needs somebody; never a secret in it."""

    job: str
    domain: str
    server: str
    state: str
    step: str | None
    code: str
    message: str
    advice: str
    admin_url: str


class Billing(ABC):
    """A way of telling people. Both calls may be repeated when it is unknown whether they arrived."""

    @abstractmethod
    def hand_over(self, news: Handover) -> None:
        """The client knows. Raises ShoplaunchError `mail_failed` (retryable)."""

    @abstractmethod
    def alarm(self, news: Alarm) -> None:
        """The operator knows, where one wants to. Raises ShoplaunchError `mail_failed` (retryable)."""
