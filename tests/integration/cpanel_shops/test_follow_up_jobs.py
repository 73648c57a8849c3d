"""Follow-up jobs on a cPanel server: a database user for each that fits every prefix, and nothing of them left."""

import bcrypt
import pytest

from tests.fakes.whm.quirks import Quirks

pytestmark = pytest.mark.root
#: What the panel puts before the names of databases and their users, and how long a user's name may be.
PREFIXES = {
    "the account's name": {"prefix": "account"},
    "sixteen characters": {"prefix": "sixteen", "max_username_length": 32},
    "eight characters": {"prefix": "short"},
    "none": {"prefix": "none"},
    "short user names": {"prefix": "short", "max_username_length": 16},
}
PASSWORD = "a new and long one"


def carried_out(world, shop, kind, **values):
    """Return the follow-up job of `kind` once it is over."""
    later = world.service.jobs.start_follow_up(shop.id, kind, values)
    world.work()
    assert world.job(later).state == "dropped", world.trouble(later)
    world.until(later)
    assert world.job(later).state == "live", world.trouble(later)
    return later


def nothing_left(world, shop, database_user):
    """Only what the shop itself needs is there."""
    hosting = world.hosting(shop)
    assert list(hosting.database_users) == [database_user]
    assert len(hosting.databases) == 1
    assert not world.agent_folder(shop).exists()
    assert world.open_panel().cron_lines(world.account(shop)) == []
    tables = world.whm.server.query(f"SHOW TABLES FROM `{next(iter(hosting.databases))}`")
    assert [row for row in tables if row[0].startswith("shoplaunch")] == []


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_new_password_and_a_closed_shop_under_every_prefix(world, whm, prefix):
    whm.quirks = Quirks(**PREFIXES[prefix])
    shop = world.opened()
    (database,), (user,) = (
        list(names) for names in (world.hosting(shop).databases, world.hosting(shop).database_users)
    )
    carried_out(world, shop, "set_admin_password", **{"admin.password": PASSWORD})
    ((hashed,),) = whm.server.query(f"SELECT passwd FROM `{database}`.ps_employee")
    assert bcrypt.checkpw(PASSWORD.encode(), hashed.encode())
    assert world.visit(shop).status_code == 200
    nothing_left(world, shop, user)

    carried_out(world, shop, "remove")
    assert world.visit(shop).status_code == 503
    ((kept,),) = whm.server.query(f"SELECT COUNT(*) FROM `{database}`.ps_product")
    assert kept > 0
    nothing_left(world, shop, user)
