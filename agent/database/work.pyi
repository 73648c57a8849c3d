"""What database code is given: the part of agent.session.context.Context, a higher layer, that is used here."""

from typing import Protocol, TypedDict

from agent.base.log import Log
from agent.base.state import State
from agent.bundle.reader import Bundle
from agent.database.connection import OurConnection
from shared.documents import Job, Manifest, ValuesDigests
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

class Reliable(Protocol):
    """The lock file: whether it really excludes others."""

    @property
    def reliable(self) -> bool: ...

class Chunk(TypedDict):
    """What the ledger knows of a chunk: a member of the bundle has it, and so have a follow-up job's statements."""

    name: str
    sha256: str

class Work(Protocol):
    """One run for one job."""

    job: Job
    job_id: str
    attempt: int
    values_sha256: ValuesDigests
    log: Log
    state: State
    bundle: Bundle
    manifest: Manifest
    locked_connection: OurConnection | None
    collations: dict[str, str] | None

    @property
    def lock(self) -> Reliable | None: ...
    @property
    def renderer(self) -> Renderer: ...
    def connect(self) -> OurConnection: ...
    def check_current(self) -> None: ...
    def report_waiting(self, error: ShoplaunchError) -> None: ...
    def count(self, name: str, amount: int) -> None: ...
    def take_counters(self) -> dict[str, int]: ...
