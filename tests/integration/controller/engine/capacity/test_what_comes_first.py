"""Which due job comes first: finished shops, then what a killed worker was at, then the longest due."""

from controller.db import due
from controller.db.connection.clock import Moment
from controller.db.connection.engine import reading
from tests.integration.controller.rows import NOW, add_job


def test_finished_shops_come_before_new_orders_and_the_longest_due_before_others(engine):
    add_job(engine, "new1", wake_at=NOW - 50)
    add_job(engine, "new2", wake_at=NOW - 60)
    add_job(engine, "done1", state="finishing", wake_at=NOW - 0.4)
    add_job(engine, "away1", server="web2", wake_at=NOW - 70)
    with reading(engine) as connection:
        found = due.candidates(connection, "web1", Moment(NOW, NOW), 8)
        assert [one.job for one in found] == ["done1", "new2", "new1"]
        assert due.servers(connection, Moment(NOW, NOW))[0] == [("web1", 3, 1, 2, 0, 0), ("web2", 1, 0, 1, 0, 0)]
        assert due.visits(connection, Moment(NOW, NOW)) == {"web1": (1, NOW - 0.4)}


def test_what_a_killed_worker_was_at_comes_before_orders_that_nobody_has_begun(engine):
    add_job(engine, "new1", wake_at=NOW - 50)
    add_job(engine, "done1", state="finishing", wake_at=NOW - 1)
    # Its client was about to be notified; its lease was not given back
    add_job(engine, "cut1", state="live", wake_at=NOW - 30, lease_owner="killed", lease_until=NOW - 0.1)
    add_job(engine, "tried1", state="live", wake_at=NOW - 40)
    add_job(engine, "away1", server="web2", wake_at=NOW - 70)
    with reading(engine) as connection:
        found = due.candidates(connection, "web1", Moment(NOW, NOW), 8)
        assert [(one.job, one.is_visit) for one in found] == [
            ("done1", True), ("cut1", False), ("new1", False), ("tried1", False),
        ]  # fmt: skip
        orders = due.candidates(connection, "web1", Moment(NOW, NOW), 8, which=due.ORDERS)
        assert [one.job for one in orders] == ["cut1", "new1", "tried1"]


def test_servers_on_which_a_worker_was_killed_come_before_those_with_new_orders_alone(engine):
    add_job(engine, "new1", server="web1", wake_at=NOW - 50)
    add_job(engine, "cut1", server="web2", wake_at=NOW - 30, lease_owner="killed", lease_until=NOW - 0.1)
    with reading(engine) as connection:
        found = due.servers(connection, Moment(NOW, NOW))[0]
        assert [(one.server, one.left) for one in found] == [("web2", 1), ("web1", 0)]
