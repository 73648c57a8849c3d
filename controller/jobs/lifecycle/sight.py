"""What was found of a job's agent in its account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: What the launcher's state says where there is no Python to run the agent with.
PYTHON_MISSING = "python_missing"


@dataclass(frozen=True)
class Sight:
    """What lies in the account; `state` is the agent's state.json, None when absent or unreadable.

    Where the state already says all, the rest was not looked for and counts as there.
    """

    state: dict[str, Any] | None
    cron_line: bool
    folder: bool
