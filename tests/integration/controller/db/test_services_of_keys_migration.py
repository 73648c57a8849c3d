"""Migration 0012 goes on after a kill, and gives stored services to the key that reported them, or to none."""

import json

import pytest
import sqlalchemy as sa

from controller.db import claims, jobs, migrate
from controller.db.connection.engine import make_engine, reading
from controller.db.orders import refused_orders, services
from controller.jobs.intake import billing_events
from shared.encoding import canonical_json, sha256_hex
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.billing.events import created
from tests.integration.controller.db.test_refused_orders_migration import killed_at
from tests.support.state.migration_kills import bring_to

ORDER = {"server": "web1", "bundle": "classic", "domain": "a.example.com", "email": "a@b.example", "account": "a"}
#: No state was ever on PostgreSQL before this migration.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "mariadb"], indirect=True)


def execute(connection, text, **values):
    connection.execute(sa.text(text), values)


def stored(engine, keys, asked=()):
    """Rows of the version before, for the keys' names; `asked` are (key, service's number, job) of signed requests."""
    with engine.begin() as connection:
        for name in keys:
            execute(connection, "INSERT INTO api_keys (name, secret_encrypted, created_at) VALUES (:n, '', 1)", n=name)
        for number in ("1", "2", "3"):
            wanted, error = json.dumps(created(number)), json.dumps(ShoplaunchError("bundle_unknown", "no").as_dict())
            execute(
                connection,
                "INSERT INTO services (service_id, wanted, error, updated_at) VALUES (:id, :wanted, :error, 7)",
                id=number, wanted=wanted, error=error if number == "3" else None,
            )  # fmt: skip
            if number != "3":
                store_job(connection, f"job{number}", number, "whmcs")
        execute(
            connection,
            "INSERT INTO refused_orders (order_key, source, service_id, error, first_at, last_at)"
            " VALUES (:key, 'whmcs', '3', :error, 7, 7)", key=sha256_hex(b"service 3"), error=error,
        )  # fmt: skip
        store_job(connection, "jobown", None, "command")
        store_job(connection, "joblater", None, "whmcs", parent="job1")
        for at, (key, number, job) in enumerate(asked):
            body = json.dumps({"id": job, "service_id": number})
            execute(
                connection,
                "INSERT INTO answers (event, fingerprint, status, body, claimed_at) VALUES (:e, '', 202, :body, :at)",
                e=f"{key}:{100 - at}", body=body, at=at,
            )  # fmt: skip


def store_job(connection, job_id, service_id, source, parent=None):
    quote = connection.dialect.identifier_preparer.quote
    order = {**ORDER, **({"service_id": service_id} if service_id else {}), "shop_name": f"فروشگاه {job_id}"}
    values = {
        "id": job_id, "kind": "restore", "source": source, "service_id": service_id, "server": "web1", "parent": parent,
        "bundle": "classic", "domain": "a.example.com", "email": "a@b.example", "account": "a", "language": "en",
        "order": json.dumps(order, sort_keys=True), "order_key": sha256_hex(canonical_json(order)), "state": "received",
        "facts": "{}", "progress": "{}", "lock_name": "l", "created_at": 1, "updated_at": 1,
    }  # fmt: skip
    names = ", ".join(map(quote, values))
    execute(connection, f"INSERT INTO jobs ({names}) VALUES ({', '.join(f':{name}' for name in values)})", **values)


def whose(engine):
    """Return the key of every service and of every job."""
    with reading(engine) as connection:
        of_services = dict(connection.execute(sa.text("SELECT service_id, signed_by FROM services")).all())
        of_jobs = dict(connection.execute(sa.text("SELECT id, signed_by FROM jobs")).all())
    return of_services, of_jobs


@pytest.fixture
def engine(database_url):
    made = make_engine(database_url)
    bring_to(made, "0011")
    yield made
    made.dispose()


@pytest.mark.sampled(of=2)
def test_the_only_key_gets_everything_wherever_the_migration_was_killed(engine):
    stored(engine, ["billing"])
    stride, kills = (0, 0) if engine.dialect.name == "mysql" else (1, 0)
    while killed_at(engine, 2 + stride * kills):
        kills += 1
        assert kills < 60
    assert migrate.revisions(engine)[0] == migrate.newest() and kills >= 2
    of_services, of_jobs = whose(engine)
    assert set(of_services.values()) == {"billing"}
    assert set(of_jobs.values()) == {"billing"}
    with reading(engine) as connection:
        (row,) = refused_orders.listed(connection, 10)
        job = jobs.get(connection, "job1")
        assert services.get(connection, "billing", "1").wanted["service_id"] == "1"
    # The same order sent again meets what there is
    assert row.signed_by == "billing"
    assert jobs_of_the_same_order(engine, job) == "job1"
    with pytest.raises(ShoplaunchError):
        billing_events.take(engine, created("3", bundle="nothing"), 9.0, "billing")
    with reading(engine) as connection:
        (row,) = refused_orders.listed(connection, 10)
    assert (row.tries, row.signed_by) == (2, "billing")


def jobs_of_the_same_order(engine, job):
    with reading(engine) as connection:
        return jobs.find_by_order(connection, claims.order_key(job.order, job.signed_by)).id


@attack(
    "an installation of two billing systems is updated, and the wrong one asks for a stored service",
    "each reaches what the log of signed requests says is its own; what nobody can tell apart is nobody's",
)
def test_of_several_keys_the_log_names_the_right_one(engine):
    asked = [("first", "1", "job1"), ("second", "2", "job2"), ("first", "3", None), ("second", "3", None)]
    asked += [("second", "1", "job1")]
    stored(engine, ["first", "second"], asked)
    migrate.upgrade(engine)
    of_services, of_jobs = whose(engine)
    assert of_services == {"1": "", "2": "second", "3": ""}
    assert of_jobs == {"job1": "first", "job2": "second", "jobown": "", "joblater": "first"}


def test_what_the_log_does_not_know_is_nobodys(engine):
    stored(engine, ["first", "second"])
    migrate.upgrade(engine)
    of_services, of_jobs = whose(engine)
    assert set(of_services.values()) == set(of_jobs.values()) == {""}
    with reading(engine) as connection:
        assert jobs.find_service(connection, "1", "first") is jobs.find_service(connection, "1", "second") is None
