"""What the helper process reports, one message a line; for mypy only."""

from typing import Literal, TypedDict

class Progress(TypedDict):
    kind: Literal["progress"]
    stage: str
    fraction: float

class Shard(TypedDict):
    kind: Literal["shard"]
    member: str
    counters: dict[str, int]

class Record(TypedDict):
    kind: Literal["record"]
    name: str
    value: object

class Logged(TypedDict):
    kind: Literal["log"]
    text: str

class Counters(TypedDict):
    kind: Literal["counters"]
    counters: dict[str, int]

class Failed(TypedDict):
    kind: Literal["error"]
    code: str
    message: str
    retryable: bool

class Done(TypedDict):
    kind: Literal["done"]

Message = Progress | Shard | Record | Logged | Counters | Failed | Done
