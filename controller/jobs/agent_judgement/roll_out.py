"""Whether a roll-out stops: more jobs of the next agent fail than did before."""

from __future__ import annotations

import math

from controller.db.machines.channels import Outcomes

#: One failure is chance.
LEAST = 2


def why_stopped(new: Outcomes, before: Outcomes) -> str:
    """Return why the roll-out stops, "" while it goes on.

    Of as many jobs as `new`, `before` leads one to expect some failures; twice the root of that number more is chance.
    """
    expected = new.ended * before.failed / before.ended if before.ended else 0.0
    if new.failed < LEAST or new.failed <= expected + 2 * math.sqrt(expected):
        return ""
    return (
        f"{new.failed} of {new.ended} jobs with the next agent failed; "
        f"before, {before.failed} of {before.ended} did: {expected:.1f} were to be expected"
    )
