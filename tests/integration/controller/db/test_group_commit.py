"""Changes many threads want at once: together on the disk, each with its own end."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from controller.db import jobs
from controller.db.connection.engine import make_engine, transact
from controller.db.connection.group_commit import GroupCommit
from shared.errors import ShoplaunchError
from tests.integration.controller.rows import NOW, add_job, read
from tests.support.state.state_database import make_tables

WAIT_SECONDS = 120


def one_more(connection, job_id="job00001"):
    job = jobs.get(connection, job_id, lock=True)
    return jobs.update(connection, job, NOW, percent=job.percent + 1).percent


def refused(connection):
    one_more(connection)
    raise ShoplaunchError("superseded", "too late")


class Queue:
    """A GroupCommit whose first change waits in the middle until `others` wait behind it."""

    def __init__(self, engine):
        self.group_commit = GroupCommit(engine)
        self.commits = []
        sa.event.listen(engine, "commit", self.commits.append)

    def run(self, *others):
        """Return the futures of the first change (one_more) and of `others`, which came while it was at work."""
        entered, go_on = threading.Event(), threading.Event()

        def first(connection):
            entered.set()
            assert go_on.wait(WAIT_SECONDS)
            return one_more(connection)

        with ThreadPoolExecutor(len(others) + 1) as pool:
            found = [pool.submit(self.group_commit.transact, first)]
            assert entered.wait(WAIT_SECONDS)
            for other in others:
                waiting = len(self.group_commit._waiting)
                found.append(pool.submit(self.group_commit.transact, other))
                while len(self.group_commit._waiting) == waiting:
                    threading.Event().wait(0.001)
            go_on.set()
        return found


@pytest.fixture
def sqlite(tmp_path):
    made = make_engine(f"sqlite:///{tmp_path}/state.db")
    make_tables(made)
    add_job(made)
    yield made
    made.dispose()


def test_what_came_while_another_was_at_work_is_one_transaction(sqlite):
    queue = Queue(sqlite)
    found = queue.run(*[one_more] * 9)
    assert [one.result() for one in found] == list(range(1, 11))
    assert len(queue.commits) == 2
    assert read(sqlite).percent == 10


def test_one_that_is_refused_leaves_nothing_and_takes_nobody_along(sqlite):
    found = Queue(sqlite).run(one_more, refused, one_more)
    with pytest.raises(ShoplaunchError) as caught:
        found[2].result()
    assert caught.value.code == "superseded"
    assert [found[number].result() for number in (0, 1, 3)] == [1, 2, 3]
    assert read(sqlite).percent == 3


def test_a_database_that_cannot_be_written_is_reported_to_all_who_waited(sqlite):
    queue = Queue(sqlite)

    def broken(connection):
        one_more(connection)
        raise ShoplaunchError("database_busy", "the disk is full")

    found = queue.run(one_more, broken)
    assert found[0].result() == 1
    for one in found[1:]:
        with pytest.raises(ShoplaunchError) as caught:
            one.result()
        assert caught.value.code == "database_busy"
    assert queue.group_commit.transact(one_more) == 2


def test_a_commit_that_fails_is_reported_to_all_who_waited(sqlite):
    queue = Queue(sqlite)

    def full(_connection):
        if len(queue.commits) == 2:
            raise ShoplaunchError("database_busy", "the disk is full")

    sa.event.listen(sqlite, "commit", full)
    found = queue.run(one_more, one_more)
    sa.event.remove(sqlite, "commit", full)
    assert [type(one.exception()) for one in found] == [type(None), ShoplaunchError, ShoplaunchError]
    assert read(sqlite).percent == 1


def test_a_thread_that_is_ended_at_its_work_keeps_nobody_waiting(sqlite):
    def ended(_connection):
        raise SystemExit

    found = Queue(sqlite).run(ended, one_more)
    assert isinstance(found[1].exception(), SystemExit)
    with pytest.raises(ShoplaunchError, match="broken off"):
        found[2].result()
    assert read(sqlite).percent == 1


def test_more_than_one_transaction_takes_are_all_done(engine):
    add_job(engine)
    group_commit = GroupCommit(engine)
    with ThreadPoolExecutor(60) as pool:
        list(pool.map(lambda _number: group_commit.transact(one_more), range(300)))
    assert read(engine).percent == 300


def test_writers_of_one_process_wait_for_each_other_whatever_they_use(engine):
    add_job(engine)
    group_commit = GroupCommit(engine)
    other = make_engine(str(engine.url.render_as_string(hide_password=False)))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: group_commit.transact(one_more) if n % 2 else transact(other, one_more), range(80)))
    other.dispose()
    assert read(engine).percent == 80
