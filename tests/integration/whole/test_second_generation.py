"""A shop that Shoplaunch made is a template like any other."""

import pytest

from tests.support.traces import Traces


def restored(whole, *more):
    """Order a shop and restore it; return (the job, its status)."""
    job = whole.quiet_order(*more)
    assert whole.run_agent(job) == 0
    return job, whole.live(job)


def rules(whole, job):
    """Return the shop's rules of the web server, without what is its own."""
    return (whole.root(job) / ".htaccess").read_text().replace(job["domain"], "DOMAIN")


@pytest.mark.sampled(of=3, rests=True)
def test_a_restored_shop_is_packed_and_restored_like_its_template(whole):
    first, _ = restored(whole)
    socket = whole.world.stack.mariadb_socket
    url = f"mysql://root@localhost/{whole.database(first)}?unix_socket={socket}"
    whole.world.pack(whole.root(first), url, "", whole.directory / "second.bundle")
    whole.world.run("bundle", "add", "second", str(whole.directory / "second.bundle"))
    second, shown = restored(whole, "--bundle", "second")
    assert shown["state"] == "live" and whole.get(second).status_code == 200
    assert rules(whole, second) == rules(whole, first)
    assert whole.tables(second) == whole.tables(first)
    own = {"domain": first["domain"], "root": str(whole.root(first)), "mail": f"{first['account']}@example.com"}
    traces = Traces(own | {"database": whole.database(first)})
    assert traces.in_tree(whole.root(second)) == []
    assert traces.in_database(socket, whole.database(second)) == set()
