"""A server or bundle is removed while something begins to need it: one of the two is refused, on every database."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.access import billing_keys
from controller.access.actor import command_line
from controller.db import bundles, jobs
from controller.db.bundles import Bundle
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.facts import UNDO_DONE, Facts, Undo, column
from controller.db.identities.api_keys import ApiKey
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.jobs.engine.operations import interventions
from controller.jobs.intake import orders
from controller.keys import ensure_keys
from controller.settings.loading import load_config
from controller.setup import removal
from tests.attacks.table import attack
from tests.integration.controller.rows import add_job
from tests.support.error_codes import error_code
from tests.support.state.state_database import SERVERS, make_tables, new_url
from tests.support.waiting import wait_until

SECONDS = 120
REMOVALS = {"server": removal.server, "bundle": removal.bundle}
NAMES = {"server": "web1", "bundle": "classic"}
ORDER = {**NAMES, "domain": "shop.example.com", "email": "a@example.com", "account": "alice"}


@pytest.fixture(params=["sqlite", *SERVERS])
def kind(request):
    return request.param


@pytest.fixture
def config(request, tmp_path, kind):
    """An installation with a server and a bundle, and no job."""
    url = new_url(request, tmp_path, kind)
    found = load_config({"SHOPLAUNCH_HOME": str(tmp_path), "SHOPLAUNCH_DATABASE_URL": url})
    found.bundles.mkdir()
    ensure_keys(found.keys)
    engine = make_engine(url)
    make_tables(engine)
    bundle = Bundle("classic", "a" * 64, 1, "b" * 64, "prestashop", "8.2.1", 1.0, languages=["en"])
    transact(engine, lambda connection: servers.add(connection, Server("web1", "local"), 1.0))
    transact(engine, lambda connection: bundles.add(connection, bundle))
    engine.dispose()
    return found


@pytest.fixture
def engine(config):
    made = make_engine(config.database_url)
    yield made
    made.dispose()


@attack(
    "an operator removes a server or bundle while an order for it is being looked at",
    "the order is refused by name: no job is made that no server ever moves",
)
@pytest.mark.parametrize("what", NAMES)
def test_an_order_for_what_was_just_removed_makes_no_job(config, engine, what, monkeypatch):
    fitted = orders._fitted

    def removing(*arguments):
        REMOVALS[what](config, NAMES[what])
        return fitted(*arguments)

    monkeypatch.setattr(orders, "_fitted", removing)
    assert error_code(orders.place, engine, ORDER, orders.Sender(orders.OPERATORS), 1.0) == f"{what}_unknown"
    with reading(engine) as connection:
        assert jobs.counts(connection) == {}


@attack(
    "an operator takes back a cancellation after the server or bundle was removed",
    "it is refused by name",
)
@pytest.mark.parametrize("what", NAMES)
def test_a_cancelled_job_does_not_come_back_without_what_it_needs(config, engine, what):
    job = add_job(engine, state="cancelled", **column(Facts(undo=Undo(UNDO_DONE))))
    REMOVALS[what](config, NAMES[what])
    assert error_code(interventions.undo_cancel, engine, job.id, 1.0) == f"{what}_unknown"


WAITING = {
    "mariadb": "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
}


@pytest.fixture
def is_waiting(request, kind):
    """Return a function that tells whether a transaction waits for another one."""
    server = request.getfixturevalue(f"{kind}_server")

    def ask():
        # MariaDB shows the same picture of its transactions again to somebody who asks more often than each 0.1 s
        time.sleep(0.2)
        return server.query(WAITING[kind])

    return ask


@attack(
    "an operator removes a server or bundle while an order or a key for it is being written",
    "the removal waits for it, and is refused: it is in use",
)
@pytest.mark.parametrize("kind", SERVERS, indirect=True)
@pytest.mark.parametrize("what", NAMES)
@pytest.mark.parametrize("user", ["order", "key"])
def test_a_removal_waits_for_what_is_being_written(is_waiting, config, engine, what, user, monkeypatch):
    removals = []

    def removing(write):
        def both(*arguments):
            write(*arguments)
            removals.append(pool.submit(error_code, REMOVALS[what], config, NAMES[what]))
            wait_until(lambda: removals[0].done() or is_waiting())

        return both

    with ThreadPoolExecutor(1) as pool:
        if user == "order":
            monkeypatch.setattr(orders.steps, "insert", removing(orders.steps.insert))
            orders.place(engine, ORDER, orders.Sender(orders.OPERATORS), 1.0)
        else:
            monkeypatch.setattr(billing_keys.api_keys, "add", removing(billing_keys.api_keys.add))
            billing_keys.add(command_line(config), ApiKey("billing", **{f"{what}s": (NAMES[what],)}))
        assert removals[0].result(SECONDS) == "in_use"
