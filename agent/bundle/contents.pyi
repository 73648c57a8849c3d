"""What the members of a bundle hold, by their kinds; for mypy only."""

from typing import NotRequired, TypedDict

from shared.documents import Statement, Table

class Definition(TypedDict):
    """A table, and the statements that run once its rows are there."""

    name: str
    create: str
    late: NotRequired[list[str]]
    #: The index of each of `late`; bundles of the first version name their only one.
    late_index: NotRequired[list[str] | str]
    foreign_keys: NotRequired[list[tuple[str, str]]]

class Routine(TypedDict):
    """A view, a trigger, a procedure or a function."""

    kind: str
    name: str
    create: str

class Cell(TypedDict):
    """A query that reads filled cells back, and their expected values as templates in base64."""

    table: str
    sql: str
    expect: list[str | None]

class VariantContent(TypedDict):
    """What a variant does besides its files: its statements, and the tables and filled cells they leave."""

    statements: list[Statement]
    tables: list[Table]
    cells: list[Cell]
