"""What a stage is: a module of `agent/stages/`; for mypy alone."""

from typing import Protocol

from agent.session.context import Context

class Stage(Protocol):
    NAME: str

    def run(self, ctx: Context) -> None: ...
