"""What a kind of follow-up job says of its change: each method but `look` has a default that says nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod

from controller.db.facts import Facts
from controller.jobs.lifecycle.step_context import Work
from controller.panels.base import SiteAddress


class Change(ABC):
    """One kind's change of a living shop; its module holds one as CHANGE."""

    def require(self, work: Work, address: SiteAddress) -> None:
        """Raise ShoplaunchError, before anything is changed, when the change would not work out."""
        return

    @abstractmethod
    def look(self, work: Work) -> str:
        """Check the change from outside; return a note. Raises ShoplaunchError `check_failed`."""

    def learned(self, parent: Facts, job: Facts) -> Facts | None:
        """Return what is known of the shop's job after the change, None when that is what was known."""
        return None
