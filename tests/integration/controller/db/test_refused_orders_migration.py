"""Migration 0011 goes on after a kill before any of its statements, and takes over what was refused before it."""

import json

import pytest
import sqlalchemy as sa

from controller.db import migrate
from controller.db.connection.engine import make_engine, reading
from controller.db.orders import refused_orders
from controller.jobs.intake import billing_events
from shared.errors import ShoplaunchError
from tests.integration.billing.events import created
from tests.support.state.migration_kills import bring_to

#: No state was ever on PostgreSQL before these migrations.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "mariadb"], indirect=True)


class Killed(Exception):
    """The process was killed before a statement."""


def killed_at(engine, number):
    """Migrate until the statement `number` that changes tables; tell whether there was one."""
    seen = []

    def count(_connection, _cursor, statement, *_more):
        if statement.lstrip().startswith(("CREATE", "ALTER")):
            seen.append(statement)
            if len(seen) == number:
                raise Killed

    sa.event.listen(engine, "before_cursor_execute", count)
    try:
        migrate.upgrade(engine)
    except Killed:
        return True
    finally:
        sa.event.remove(engine, "before_cursor_execute", count)
    return False


def refused_before(engine):
    """Billing reported a service that no job could be made of, and of one that was terminated since."""
    rows = [("1042", None), ("1043", 5.0)]
    with engine.begin() as connection:
        for service_id, terminated_at in rows:
            wanted = json.dumps(created(service_id, domain="Shop.Example.com"))
            error = json.dumps(ShoplaunchError("bundle_unknown", "there is no bundle").as_dict())
            connection.execute(
                sa.text(
                    "INSERT INTO services (service_id, wanted, error, terminated_at, updated_at)"
                    " VALUES (:service, :wanted, :error, :terminated, 7.0)"
                ),
                {"service": service_id, "wanted": wanted, "error": error, "terminated": terminated_at},
            )


@pytest.mark.sampled(of=2)
def test_the_migration_goes_on_wherever_it_was_killed(database_url):
    engine = make_engine(database_url)
    bring_to(engine, "0009")
    refused_before(engine)
    # MariaDB keeps what was done before the kill: there each try gets one statement further
    stride, kills = (0, 0) if engine.dialect.name == "mysql" else (1, 0)
    while killed_at(engine, 2 + stride * kills):
        kills += 1
        assert kills < 200
    assert migrate.revisions(engine)[0] == migrate.newest() and kills > 5
    with reading(engine) as connection:
        (row,) = refused_orders.listed(connection, 10)
    assert (row.service_id, row.error["code"], row.tries, row.alarm) == ("1042", "bundle_unknown", 1, "")
    # Refused once more, it is the same order
    with pytest.raises(ShoplaunchError):
        billing_events.take(engine, created("1042", bundle="nothing"), 9.0)
    with reading(engine) as connection:
        (row,) = refused_orders.listed(connection, 10)
    assert row.tries == 2
    engine.dispose()
