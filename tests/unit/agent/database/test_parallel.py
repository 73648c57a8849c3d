"""Two workers on the same tasks: every answer in its place, the first failure raised, nobody at work any more then."""

import threading
from contextlib import closing

import pytest

from agent.database import parallel
from shared.errors import ShoplaunchError


class Connection:
    def __init__(self):
        self.is_open = True

    def close(self):
        self.is_open = False


class Ctx:
    """What workers need of a context; `lines` keeps what was logged."""

    def __init__(self):
        self.made, self.lines, self.log = [], [], self

    def info(self, message, *values):
        self.lines.append(message % values)

    def connect(self):
        self.made.append(Connection())
        return self.made[-1]

    def check_current(self):
        pass


def run(ctx, tasks):
    with closing(Connection()) as connection:
        return parallel.run(ctx, connection, tasks, lambda fraction: None)


def test_answers_come_in_the_order_of_the_tasks():
    ctx = Ctx()
    assert run(ctx, [lambda _connection, n=n: n * n for n in range(100)]) == [n * n for n in range(100)]
    assert [one.is_open for one in ctx.made] == [False]


def test_two_tasks_are_worked_on_at_once_each_over_its_own_connection():
    meeting = threading.Barrier(2, timeout=60)
    used = set()

    def task(connection):
        meeting.wait()
        used.add(connection)

    run(Ctx(), [task, task])
    assert len(used) == 2


def test_the_first_failure_is_raised_and_what_waits_is_not_begun():
    begun = []

    def task(_connection):
        begun.append(1)
        raise ShoplaunchError("proof_rows", "none")

    ctx = Ctx()
    with pytest.raises(ShoplaunchError, match="proof_rows"):
        run(ctx, [task] * 50)
    assert len(begun) <= 2
    assert [one.is_open for one in ctx.made] == [False]


def test_without_a_further_connection_one_worker_does_it_all():
    ctx = Ctx()

    def refuse():
        raise ShoplaunchError("db_unreachable", "too many connections")

    ctx.connect = refuse
    assert run(ctx, [lambda _connection, n=n: n for n in range(30)]) == list(range(30))
    assert ctx.lines == ["one connection fewer: too many connections"]


def test_a_failure_of_the_second_worker_is_raised():
    meeting = threading.Barrier(2, timeout=60)

    def task(connection):
        meeting.wait()
        if connection in ctx.made:
            raise ShoplaunchError("proof_rows", "none")

    ctx = Ctx()
    with pytest.raises(ShoplaunchError, match="proof_rows"):
        run(ctx, [task, task])


def test_without_a_further_thread_one_worker_does_it_all(monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ctx = Ctx()
    assert run(ctx, [lambda _connection, n=n: n for n in range(30)]) == list(range(30))
    assert ctx.lines == ["workers besides the first: 0: can't start new thread"]


def test_an_attempt_that_is_no_longer_current_ends_both():
    ctx = Ctx()

    def gone():
        raise ShoplaunchError("superseded", "a newer attempt")

    ctx.check_current = gone
    with pytest.raises(ShoplaunchError, match="superseded"):
        run(ctx, [lambda _connection: None] * 100)
