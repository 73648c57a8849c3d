"""What a job costs the state database: statements and transactions of its workers, counted."""

from contextlib import contextmanager

import sqlalchemy as sa

from tests.support.worlds.world import Agent

#: From the order to the living shop whose client is notified; transactions that only read, and those that write.
STATEMENTS, READING, WRITING = 74, 3, 17


@contextmanager
def counted(engine):
    """Yield the statements, and for each transaction that was committed whether it only read; nothing is added while
    the third list holds something."""
    statements, commits, off = [], [], []

    def statement(_connection, _cursor, text, *_more):
        if not off and not text.startswith("BEGIN"):
            statements.append(" ".join(text.split())[:100])

    def commit(connection):
        if not off:
            commits.append(bool(connection.get_execution_options().get("shoplaunch_read")))

    sa.event.listen(engine, "before_cursor_execute", statement)
    sa.event.listen(engine, "commit", commit)
    try:
        yield statements, commits, off
    finally:
        sa.event.remove(engine, "before_cursor_execute", statement)
        sa.event.remove(engine, "commit", commit)


def test_a_job_costs_few_statements_and_transactions(world):
    with counted(world.engine) as (statements, commits, off):
        off.append(True)
        job = world.order()
        off.clear()
        world.worker.drain("web1")
        off.append(True)
        agent = Agent(world, job)
        world.serve(job)
        agent.restore()
        off.clear()
        world.worker.drain("web1")
        off.append(True)
        agent.clean()
        off.clear()
        world.worker.drain("web1")
    assert world.job(job).state == "live"
    assert len(statements) <= STATEMENTS, (len(statements), statements)
    assert (commits.count(True) <= READING, commits.count(False) <= WRITING) == (True, True), commits
