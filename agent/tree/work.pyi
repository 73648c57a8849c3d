"""What code for the shop's files is given: the part of agent.session.context.Context, a higher layer, used here."""

from typing import Protocol

from agent.base.log import Log
from agent.base.state import State
from shared.documents import Job
from shared.placeholders import Renderer

class Work(Protocol):
    """One run for one job."""

    job: Job
    job_id: str
    folder: str
    home: str
    root: str
    domain_root: str
    shop_folder: str
    staging: str
    log: Log
    state: State

    @property
    def renderer(self) -> Renderer: ...
