"""An order's variant: taken by name or title where the bundle has it, passed to the agent, shown to the operator."""

import pytest

from controller.db.connection.engine import transact
from controller.jobs.intake import billing_events
from shared.errors import ShoplaunchError
from tests.integration.billing.events import created
from tests.support.worlds.world import DOMAIN

VARIANTS = [
    {"name": "standard", "title": "Standard", "entries": 0},
    *({"name": f"look{number}", "title": f"Look {number}", "entries": 0} for number in range(16)),
]


@pytest.fixture
def looks(world):
    """The world with a bundle of seventeen variants, `looks`."""
    world.bundle = world.add_bundle("looks", variants=VARIANTS)
    return world


def test_the_chosen_variant_goes_with_the_job_by_its_name(looks):
    job, agent = looks.dropped(bundle="looks", variant=" look 11")
    assert agent.payload["variant"] == "look11"
    assert looks.status(job)["variant"] == "look11"


def test_without_a_choice_the_job_says_nothing_of_variants(looks):
    job, agent = looks.dropped(bundle="looks")
    assert "variant" not in agent.payload
    assert looks.status(job)["variant"] is None


def test_by_name_and_by_title_it_is_the_same_order(looks):
    assert looks.order(bundle="looks", variant="look3").id == looks.order(bundle="looks", variant="LOOK 3").id


@pytest.mark.parametrize("bundle", ["looks", "classic"])
def test_a_variant_the_bundle_does_not_have_makes_no_job(looks, bundle):
    with pytest.raises(ShoplaunchError, match="has no variant 'Look 16'") as caught:
        looks.order(bundle=bundle, variant="Look 16")
    assert caught.value.code == "order_invalid"
    assert looks.service.jobs.listed() == []


def test_the_certificate_names_the_variant(looks):
    found = looks.service.jobs.certificate(looks.live(bundle="looks", variant="Look 4").id)
    assert found["bundle"]["variant"] == "look4"


def test_rows_a_variant_adds_are_those_the_agent_must_have_found(looks):
    more = [{"name": "more", "title": "More", "entries": 0, "rows": {"ps_product": 20}}]
    looks.add_bundle("more", variants=more)
    job, agent = looks.dropped(bundle="more", variant="more")
    agent.restore()
    agent.clean()
    looks.serve(job)
    looks.work()
    assert looks.job(job).error["message"] == "ps_product has 19 rows instead of 20"


def test_the_certificate_of_the_template_as_it_is_names_none(looks):
    assert "variant" not in looks.service.jobs.certificate(looks.live(bundle="looks").id)["bundle"]


def test_bundles_that_were_added_before_there_were_variants_offer_none(looks):
    def forget(connection):
        connection.exec_driver_sql("UPDATE bundles SET variants = NULL")

    transact(looks.engine, forget)
    assert looks.service.installation.bundles.get("looks").variants == []
    with pytest.raises(ShoplaunchError, match="it has: none"):
        looks.order(bundle="looks", variant="look1")
    assert looks.order(bundle="looks").state == "received"


def test_billing_sends_the_title_the_client_chose(looks):
    event = created(bundle="looks", variant="Look 9", server_host="web1", domain=DOMAIN)
    billing_events.take(looks.engine, event, looks.clock.now)
    (job,) = looks.service.jobs.listed()
    assert job.order["variant"] == "look9"


def test_a_title_of_billing_the_bundle_does_not_have_is_reported_and_can_be_corrected(looks):
    event = created(bundle="looks", variant="Lok 9", server_host="web1", domain=DOMAIN)
    with pytest.raises(ShoplaunchError, match="order_invalid"):
        billing_events.take(looks.engine, event, looks.clock.now)
    assert looks.service.jobs.listed() == []
    billing_events.take(looks.engine, {**event, "variant": "Look 9"}, looks.clock.now)
    assert [job.order["variant"] for job in looks.service.jobs.listed()] == ["look9"]
