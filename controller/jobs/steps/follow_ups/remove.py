"""Follow-up job remove: visitors find the shop closed; its files and data stay."""

from __future__ import annotations

from dataclasses import replace

from controller.db.facts import Facts
from controller.jobs.lifecycle.step_context import Work
from controller.jobs.shop.checks import visits
from controller.jobs.steps.follow_ups.change import Change
from controller.jobs.steps.follow_ups.site import FRONT, as_before
from shared.errors import ShoplaunchError


class Remove(Change):
    """Nothing follows on a shop that was closed."""

    def look(self, work: Work) -> str:
        """Check that the front page does not answer as a shop."""
        site = as_before(work)
        answer = visits.visit(site, site.base_uri, FRONT)
        if answer.status == 200:
            raise ShoplaunchError("check_failed", "front: the shop still answers")
        return f"visitors get status {answer.status}"

    def learned(self, parent: Facts, job: Facts) -> Facts:
        """Return that the shop is closed."""
        return replace(parent, removed=True)


CHANGE = Remove()
