"""`shoplaunch order` with everything that can be wrong in an order: a code of its own, and never a job."""

import json
import threading

import pytest

from controller.db.connection.engine import make_engine, transact
from controller.db.machines import servers
from controller.settings.loading import load_config
from tests.support.worlds.agent_box import sample_members, write_bundle

ORDER = {
    "server": "web1", "bundle": "classic", "domain": "shop.example.com", "email": "owner@example.com",
    "account": "alice",
}  # fmt: skip


@pytest.fixture
def shop(commands, tmp_path):
    """The command line of an installation with server `web1` and bundle `classic`."""
    engine = make_engine(load_config(commands.environment).database_url)
    transact(engine, lambda connection: servers.add(connection, servers.Server("web1", "local"), 1.0))
    engine.dispose()
    write_bundle(tmp_path / "b", sample_members())
    commands.run("bundle", "add", "classic", tmp_path / "b", code=0)
    return commands


def words(*more, **changes):
    """Return the words of an order with `changes`; None leaves an option out."""
    fields = {**ORDER, **changes}
    options = [part for name, value in fields.items() if value is not None for part in (f"--{name}", value)]
    return ["order", *options, *more]


def jobs(commands):
    return json.loads(commands.run("jobs", "--json", code=0).stdout)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"domain": "shop"}, "domain_invalid"),
        ({"domain": ""}, "order_invalid"),
        ({"domain": "http://shop.example.com"}, "domain_invalid"),
        ({"domain": "shop.example.com/x"}, "domain_invalid"),
        ({"domain": "shop.example.com:8080"}, "domain_invalid"),
        ({"domain": "-shop.example.com"}, "domain_invalid"),
        ({"domain": "shop_1.example.com"}, "domain_invalid"),
        ({"domain": "10.0.0.1"}, "domain_invalid"),
        ({"domain": "a" * 64 + ".example"}, "domain_invalid"),
        ({"domain": "*.example.com"}, "domain_invalid"),
        ({"domain": "shop.example.com;id"}, "domain_invalid"),
        ({"domain": "shop.example.com\nx"}, "domain_invalid"),
        ({"email": "owner"}, "email_invalid"),
        ({"email": "owner@"}, "email_invalid"),
        ({"email": "a@b"}, "email_invalid"),
        ({"email": "a b@example.com"}, "email_invalid"),
        ({"email": "a@example.com\nBcc: x@example.com"}, "email_invalid"),
        ({"account": "Root"}, "account_invalid"),
        ({"account": "1shop"}, "account_invalid"),
        ({"account": "../root"}, "account_invalid"),
        ({"account": "a" * 32}, "account_invalid"),
        ({"account": "alice;id"}, "account_invalid"),
        ({"account": None}, "order_invalid"),
        ({"server": "nowhere"}, "server_unknown"),
        ({"bundle": "nothing"}, "bundle_unknown"),
        ({"language": "english"}, "order_invalid"),
        ({"country": "iran"}, "order_invalid"),
        ({"shop-name": "x\x00y"}, "order_invalid"),
        ({"option": "occupied"}, "order_invalid"),
        ({"option": "occupied=burn"}, "order_invalid"),
        ({"option": "=move"}, "order_invalid"),
    ],
    ids=str,
)
def test_a_wrong_order_is_named_in_both_forms_and_makes_no_job(shop, changes, code):
    refusal, _ = shop.refused(*words(**changes))
    assert refusal == code
    assert shop.refused_json(*words(**changes))["code"] == code
    assert jobs(shop) == []


def test_an_order_without_what_it_needs_is_wrong_usage(shop):
    for name in ("server", "bundle", "domain", "email"):
        assert f"--{name}" in shop.run(*words(**{name: None}), code=2).stderr
    assert jobs(shop) == []


def test_the_same_order_twice_is_one_job(shop):
    first = shop.run(*words(), code=0).stdout
    assert shop.run(*words(), code=0).stdout == first
    assert shop.run(*words(domain="SHOP.Example.com."), code=0).stdout == first
    assert [job["id"] for job in jobs(shop)] == [first.strip()]


def test_another_order_for_the_domain_or_account_has_to_wait(shop):
    shop.run(*words(), code=0)
    assert shop.refused(*words(account="bob"))[0] == "domain_busy"
    assert shop.refused(*words(domain="other.example.com"))[0] == "domain_busy"
    assert len(jobs(shop)) == 1


def test_two_orders_at_once_are_one_job_or_one_refusal(shop):
    from controller.jobs.intake.service import open_service
    from shared.errors import ShoplaunchError

    answers = []

    def place(account):
        order = {**ORDER, "account": account, "event": "ordered"}
        try:
            answers.append(open_service(load_config(shop.environment)).orders.place(order, source="command").id)
        except ShoplaunchError as error:
            answers.append(error.code)

    threads = [threading.Thread(target=place, args=(account,)) for account in ("alice", "bob", "alice", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (job,) = jobs(shop)
    assert sorted(answers) == sorted([job["id"]] * 2 + ["domain_busy"] * 2)


@pytest.mark.parametrize("verb", [("retry",), ("retry", "--step", "drop"), ("cancel", "--undo"), ("certificate",)])
def test_what_a_waiting_job_does_not_allow_changes_nothing(shop, verb):
    job = shop.run(*words(), code=0).stdout.strip()
    before = jobs(shop)
    assert shop.refused(verb[0], job, *verb[1:])[0] in ("illegal_transition", "certificate_missing")
    assert jobs(shop) == before
