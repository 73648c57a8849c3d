"""What the agent sends a helper process once, when it may begin; for mypy only."""

from typing import TypedDict

from shared.documents import Job

class Order(TypedDict):
    job: Job
    raw: str
    lock: list[int]
    staging: str
    shards: dict[str, str]
