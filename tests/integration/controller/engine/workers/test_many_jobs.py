"""However many jobs there are: what is asked often is found by an index, and never once per job."""

from types import SimpleNamespace

import pytest

from controller.db import due, jobs, steps
from controller.db.connection.clock import Moment
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.identities import access
from controller.db.machines import jobs_there
from controller.db.migrate import upgrade
from controller.db.upkeep import retention
from controller.jobs.lifecycle.plan import PLAN
from tests.integration.controller.asking import asked
from tests.integration.controller.rows import NOW, add_job

QUESTIONS = {
    "the newest jobs": lambda c: jobs.listed(c, None, 25, 50_000),
    "the newest jobs of a state": lambda c: jobs.listed(c, "live", 25, 50_000),
    "how many jobs are in which state": jobs.counts,
    "which servers have due jobs": lambda c: due.servers(c, Moment(NOW, NOW)),
    "what is due on a server": lambda c: due.candidates(c, "web1", Moment(NOW, NOW), 8),
    "who lives in an account": lambda c: jobs.living_in(c, "web1", "alice"),
    "the accounts of a server": lambda c: jobs.accounts_with_jobs(c, "web1"),
    "how often cron runs on a server": lambda c: jobs_there.last_cron_seconds(c, "web1"),
    "whether a server lets nothing out": lambda c: jobs_there.last_was_unheard(c, "web1"),
    "the job of a service": lambda c: jobs.find_service(c, "4711", "whmcs"),
    "the jobs of a shop": lambda c: jobs.follow_ups(c, "job00001"),
    "the steps of some jobs": lambda c: steps.of_jobs(c, ["job00001", "job00002"]),
    "the newest of the audit log": lambda c: access.list_audit(c, 50, 0),
}
#: Sorting these few is no matter of how many jobs there are.
FEW = (
    "which servers have due jobs", "what is due on a server", "how often cron runs on a server",
    "the job of a service", "the jobs of a shop",
)  # fmt: skip
#: What is asked for each follow-up job, for each client who leaves, or every hour -> what it reads, and no more.
NARROW = {
    "whose shops were in a place": (
        lambda c: jobs.restores_at(c, SimpleNamespace(server="web1", account="alice", domain="a.example", folder="")),
        {"server=? AND account=?", "server=? AND domain=?"},
    ),
    "whose client's data are over": (
        lambda c: retention.with_people(c, NOW, NOW, 100),
        {"forgotten_at=? AND ended_at<?", "state=? AND updated_at<?"},
    ),
}


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory):
    made = make_engine(f"sqlite:///{tmp_path_factory.mktemp('many')}/state.db")
    upgrade(made)
    yield made
    made.dispose()


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_reads_all_jobs(sqlite, question):
    with asked(sqlite) as seen, reading(sqlite) as connection:
        QUESTIONS[question](connection)
    assert seen
    with reading(sqlite) as connection:
        for statement, values in list(seen):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plan = [row.detail for row in rows]
            read = [line for line in plan if line.startswith(("SCAN jobs", "SCAN steps", "SCAN events"))]
            assert [line for line in read if "COVERING INDEX" not in line] == [], plan
            assert question in FEW or not any("FOR ORDER BY" in line for line in plan), plan


@pytest.mark.parametrize("question", NARROW)
def test_what_concerns_one_shop_reads_neither_its_servers_nor_its_states_jobs(sqlite, question):
    ask, wanted = NARROW[question]
    with asked(sqlite) as seen, reading(sqlite) as connection:
        ask(connection)
    ((statement, values),) = seen
    with reading(sqlite) as connection:
        plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    read = [line for line in plan if line.startswith("SEARCH jobs USING INDEX")]
    assert {line.partition("(")[2].strip(")") for line in read} == wanted, plan


def test_the_newest_of_two_jobs_shows_how_often_cron_runs(sqlite):
    for number, (finished, seconds) in enumerate(((NOW + 5, 300), (NOW, 60))):
        job = add_job(sqlite, f"cron{number}", server="web9", facts={"cron_seconds": seconds}, updated_at=NOW + number)
        transact(sqlite, lambda c, job=job: steps.insert(c, job.id, PLAN))
        done = {"state": "done", "finished_at": finished}
        transact(sqlite, lambda c, job=job, done=done: steps.update(c, job.id, "cron", **done))
    with reading(sqlite) as connection:
        assert jobs_there.last_cron_seconds(connection, "web9") == 300


def test_the_steps_of_more_jobs_than_one_query_may_name_are_all_there(engine):
    names = [f"many{number}" for number in range(steps.AT_ONCE + 1)]
    for name in (names[0], names[-1]):
        add_job(engine, name)
        transact(engine, lambda c, name=name: steps.insert(c, name, PLAN))
    with reading(engine) as connection:
        found = steps.of_jobs(connection, names)
    assert list(found) == names
    assert [set(found[name]) for name in (names[0], names[1], names[-1])] == [set(PLAN), set(), set(PLAN)]
