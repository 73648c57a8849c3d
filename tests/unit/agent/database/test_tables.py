"""Tables and chunks at once: the largest first, and no chunk before what it goes into is there."""

import threading

import pytest

from agent.database.tables import Tables
from shared.errors import ShoplaunchError

SECONDS = 30


def member(name, size, **owner):
    return {"name": name, "kind": "data", "size": size, "rows": 1, **owner}


MIXED, SMALL_TABLE, LARGE, MORE = (
    member("1", 900),
    member("2", 10, table="small"),
    member("3", 50, table="large"),
    member("4", 20, table="large"),
)
MANIFEST = {"members": [MIXED, SMALL_TABLE, LARGE, MORE]}
NAMES = ["a", "large", "m", "small", "z"]
MISSING = {name: f"CREATE TABLE {name}" for name in NAMES}


class Waiter:
    """A thread that waits for the tables of a chunk; `looks` counts how often it asked whether to go on."""

    def __init__(self, tables, chunk, check=lambda: None):
        self.looks = threading.Semaphore(0)
        self.failure = None
        self._arguments = (tables, chunk, check)
        self.thread = threading.Thread(target=self._wait, daemon=True)
        self.thread.start()

    def _wait(self):
        tables, chunk, check = self._arguments
        try:
            tables.wait_for(chunk, lambda: (self.looks.release(), check()))
        except ShoplaunchError as error:
            self.failure = error

    def still_waits(self):
        # Twice: the first look may have begun before
        return all(self.looks.acquire(timeout=SECONDS) for _ in range(2)) and self.thread.is_alive()

    def went_on(self):
        self.thread.join(SECONDS)
        return not self.thread.is_alive()


def test_tables_with_chunks_of_their_own_are_made_first_the_largest_before_all_others():
    made = Tables(MANIFEST, MISSING).to_make()
    assert [name for name, _ in made] == ["large", "small", "a", "m", "z"]
    assert dict(made) == MISSING


def test_chunks_come_in_the_order_of_their_tables_those_of_several_last():
    assert Tables(MANIFEST, MISSING).chunks_in_order(MANIFEST["members"]) == [LARGE, MORE, SMALL_TABLE, MIXED]


def test_a_chunk_of_one_table_waits_for_that_alone():
    tables = Tables(MANIFEST, MISSING)
    waiter = Waiter(tables, LARGE)
    tables.made("small")
    assert waiter.still_waits() and not tables.are_there(LARGE) and tables.are_there(SMALL_TABLE)
    tables.made("large")
    assert waiter.went_on()


def test_a_chunk_of_several_tables_waits_for_all_of_them():
    tables = Tables(MANIFEST, MISSING)
    waiter = Waiter(tables, MIXED)
    for name in NAMES[:-1]:
        tables.made(name)
    assert waiter.still_waits()
    tables.made(NAMES[-1])
    assert waiter.went_on()


@pytest.mark.parametrize("chunk", MANIFEST["members"], ids=lambda chunk: chunk["name"])
def test_nobody_waits_for_tables_that_were_there_before(chunk):
    assert Tables(MANIFEST, {}).are_there(chunk)
    Tables(MANIFEST, {}).wait_for(chunk, lambda: pytest.fail("it waited"))


def test_a_wait_that_makes_no_sense_any_more_ends():
    def check():
        raise ShoplaunchError("db_error", "the import was stopped")

    waiter = Waiter(Tables(MANIFEST, MISSING), LARGE, check)
    assert waiter.went_on() and waiter.failure.code == "db_error"
