"""An order's language and currency: those the bundle has, refused otherwise before anything is made."""

import pytest

from controller.db.connection.engine import transact
from controller.jobs.intake import billing_events
from shared.errors import ShoplaunchError
from tests.integration.billing.events import created
from tests.support.worlds.world import DOMAIN


@pytest.fixture
def polish(world):
    """The world with a bundle of two languages and one currency, `polish`."""
    world.add_bundle("polish", report={"languages": ["pl", "de"], "currencies": ["PLN"]})
    return world


def test_an_order_in_a_language_the_bundle_has_is_taken(polish):
    assert polish.order(bundle="polish", language="de").language == "de"


def test_an_order_in_another_language_makes_no_job_and_names_those_there_are(polish):
    with pytest.raises(ShoplaunchError, match="no language 'fa'; it has: pl, de") as caught:
        polish.order(bundle="polish", language="fa")
    assert caught.value.code == "language_missing"
    assert polish.service.jobs.listed() == []


def order_without_language(world, bundle, account="alice"):
    order = {"server": "web1", "bundle": bundle, "domain": f"{account}.example.com", "email": "owner@example.com",
             "account": account, "create_account": True}  # fmt: skip
    return world.service.orders.place(order, source="command")


def test_without_a_language_the_shop_speaks_its_own_where_it_has_no_english(polish):
    assert order_without_language(polish, "polish").language == "pl"


def test_without_a_language_it_is_english_where_there_is_english_or_nothing_is_known(world):
    world.add_bundle("both", report={"languages": ["fa", "en"]})
    assert order_without_language(world, "both").language == "en"
    assert order_without_language(world, "classic", "other").language == "en"


def test_an_order_in_another_currency_makes_no_job_and_names_those_there_are(polish):
    with pytest.raises(ShoplaunchError, match="no currency EUR; it has: PLN") as caught:
        polish.order(bundle="polish", language="pl", options={"currency": "EUR"})
    assert caught.value.code == "currency_missing"
    assert polish.service.jobs.listed() == []
    assert polish.order(bundle="polish", language="pl", options={"currency": "PLN"}).state == "received"


def test_bundles_added_when_nobody_asked_take_any_language(polish):
    transact(polish.engine, lambda connection: connection.exec_driver_sql("UPDATE bundles SET languages = NULL"))
    assert polish.service.installation.bundles.get("polish").languages == []
    assert polish.order(bundle="polish", language="fa").state == "received"


def test_a_language_billing_asks_for_and_the_bundle_lacks_is_reported_and_can_be_corrected(polish):
    event = created(bundle="polish", language="fa", server_host="web1", domain=DOMAIN)
    with pytest.raises(ShoplaunchError, match="language_missing"):
        billing_events.take(polish.engine, event, polish.clock.now)
    assert polish.service.jobs.listed() == []
    billing_events.take(polish.engine, {**event, "language": "pl"}, polish.clock.now)
    assert [job.language for job in polish.service.jobs.listed()] == ["pl"]
