"""The protocol of a stage, a module of `agent/stages/`; for mypy only."""

from typing import Protocol

from agent.session.context import Context

class Stage(Protocol):
    NAME: str

    def run(self, ctx: Context) -> None: ...
