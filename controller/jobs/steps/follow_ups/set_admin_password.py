"""Follow-up job set_admin_password: the shop's administrator has the password that was given."""

from __future__ import annotations

from controller.jobs.lifecycle.step_context import Work
from controller.jobs.steps.follow_ups.change import Change
from controller.jobs.steps.follow_ups.site import as_before, visit


class SetAdminPassword(Change):
    """Signing in with the new password is left to the owner."""

    def look(self, work: Work) -> str:
        """Check the pages, the back office's too."""
        known = work.follow_up.get("checks", [])
        visit(work, as_before(work), known)
        return f"{len(known)} visits"


CHANGE = SetAdminPassword()
