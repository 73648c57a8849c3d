"""What a probe found of a job's agent in its account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.documents import State

#: Error in the launcher's state when there is no Python to run the agent.
PYTHON_MISSING = "python_missing"


#: Stands for the state of an agent of which nothing is known.
NO_STATE: State = {"format": 1}


@dataclass(frozen=True)
class Sight:
    """What lies in the account; `state` is the agent's state.json, None when absent or unreadable.

    Where the state is sufficient, the rest was not checked and counts as present.
    """

    state: State | None
    cron_line: bool
    folder: bool
