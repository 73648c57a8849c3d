"""What the agent leaves for other processes of its own: the record in the lock file; for mypy only."""

from typing import TypedDict

class Holder(TypedDict, total=False):
    """Who holds the lock: each process by its id and when it started, None where that is unknown. {} is nobody."""

    boot: str
    job: str | None
    attempt: int
    processes: list[tuple[int, int | None]]
    #: By the counter of this boot.
    progress: float
