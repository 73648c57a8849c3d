"""A restore into a database that others share replaces nothing that came since it looked, and nobody who works there"""

import pytest

from controller import backups
from controller.backups import loading
from controller.db import jobs
from controller.db.connection.engine import reading, transact
from controller.db.machines import workers
from controller.setup import installation
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.controller.rows import add_job
from tests.support.state.saved import closing_engine, content, keys_of
from tests.support.state.state_database import SERVERS


@pytest.fixture
def saved(places, tmp_path):
    """A backup with jobs and signs of life of a worker."""
    config = places.installed("sqlite")
    with closing_engine(config) as engine:
        transact(engine, lambda connection: workers.beat(connection, "of the backup"))
    backups.backup(config, tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture(params=SERVERS)
def config(request, places):
    made = places.config(request.param)
    installation.ensure_installation(made)
    return made


@pytest.fixture
def meanwhile(config, monkeypatch):
    """Let another process do something to the database right after the restore has called a function of `module`."""

    def arrange(module, name, work):
        call = getattr(module, name)

        def then(*arguments):
            found = call(*arguments)
            monkeypatch.setattr(module, name, call)
            with closing_engine(config) as other:
                work(other)
            return found

        monkeypatch.setattr(module, name, then)

    return arrange


def refusal(config, saved):
    with pytest.raises(ShoplaunchError) as caught:
        backups.restore(config, saved)
    return caught.value.code


@attack(
    "an order is placed from another home on the same database when a restore has just seen that there is none",
    "the restore is refused, and the order stays: it was answered already",
)
def test_an_order_that_comes_meanwhile_stays(config, saved, meanwhile):
    meanwhile(loading.workers, "process_age", lambda other: add_job(other, "paid"))
    assert refusal(config, saved) == "name_taken"
    with closing_engine(config) as engine, reading(engine) as connection:
        assert jobs.get(connection, "paid").state == "received"


@attack(
    "a worker is started from another home on the same database while a backup is being loaded",
    "the restore is refused, and everything is as it was: the worker's keys would open nothing of it",
)
def test_a_worker_that_is_started_meanwhile_keeps_its_installation(config, saved, meanwhile):
    before = content(config), keys_of(config)

    def begin(other):
        transact(other, lambda connection: workers.beat(connection, "other"))

    meanwhile(loading, "count_on", begin)
    assert refusal(config, saved) == "service_running"
    assert (content(config), keys_of(config)) == before
    with closing_engine(config) as engine:
        transact(engine, lambda connection: workers.end(connection, "other"))
    backups.restore(config, saved)
