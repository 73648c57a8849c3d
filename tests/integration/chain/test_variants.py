"""The choice a client makes in WHMCS's order form is the look of the shop that is built."""

import pytest
import requests

from tests.support.waiting import wait_until

OPTION = "Theme of the shop"


@pytest.fixture(scope="module")
def server(chain):
    """A server of this module's own; the addon knows which configurable option chooses the variant."""
    chain.addon.setting("variant_option", OPTION)
    yield chain.add_server("cp-looks")
    chain.addon.setting("variant_option", "")


def chosen(chain, server, choice):
    """Return what was sold to a client who chose `choice`."""
    sold = chain.order(server)
    chain.addon.create(sold.service, configoptions={OPTION: choice})
    chain.addon.accept(sold.order)
    return sold


@pytest.mark.sampled(of=2, rests=True)
def test_the_title_a_client_chooses_becomes_the_variant_of_the_job_and_of_the_shop(chain, server):
    sold = chosen(chain, server, "Tea house")
    job = chain.job(sold)
    assert chain.whole.show(job)["variant"] == "tea"
    status = chain.live(sold, job)
    host = {"Host": f"{sold.domain}:{server.whm.http_port}"}
    assert status["variant"] == "tea"
    page = requests.get(f"http://{server.whm.ip}:{server.whm.http_port}/", headers=host, timeout=120)
    assert "Tea for a quiet afternoon" in page.text


def test_a_choice_the_bundle_does_not_have_builds_nothing_and_is_reported(chain, server):
    sold = chosen(chain, server, "Tea huose")
    error = wait_until(lambda: chain.status(sold).get("error"), chain.addon.log)
    assert error["code"] == "order_invalid"
    assert "it has: midnight (Midnight), standard (Standard), tea (Tea house)" in error["message"]
    assert chain.find(sold) is None
