"""A hosting account as its panel reports it, and as a job stores it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Account:
    """A hosting account as the panel reports it."""

    user: str
    home: str
    document_root: str
    domain: str
    #: The name servers from the panel's answer when it created the account; later queries do not return them.
    name_servers: Sequence[str] = field(default=(), compare=False)
