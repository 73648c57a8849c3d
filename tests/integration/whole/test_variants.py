"""Variants of the sample shop: chosen by order, built by the real controller and agent, distinguished over HTTP."""

import pytest

from tests.support.worlds.whole import BUNDLE, SERVER

TEA = "Tea for a quiet afternoon"


def front(whole, job):
    """Return the front page's text."""
    page = whole.get(job)
    assert page.status_code == 200
    return page.text


def built(whole, job):
    """Let the agent of `job` do its work; return the job's status once it lives."""
    whole.wait(job, "dropped", "failed")
    assert whole.run_agent(job) == 0
    return whole.live(job)


def test_the_bundle_shows_its_variants(whole):
    shown = whole.world.json("bundle", "show", BUNDLE)["manifest"]["variants"]
    assert [(one["name"], one["title"]) for one in shown] == [
        ("midnight", "Midnight"), ("standard", "Standard"), ("tea", "Tea house"),
    ]  # fmt: skip
    table = whole.world.run("bundle", "show", BUNDLE).stdout
    assert "3: midnight (Midnight), standard (Standard), tea (Tea house)" in " ".join(table.split())


@pytest.mark.sampled(of=2, rests=True)
def test_a_variant_of_files_and_settings_is_ordered_by_command_line_and_lives(whole):
    job = whole.quiet_order("--variant", "midnight")
    assert whole.run_agent(job) == 0
    status = whole.live(job)
    assert status["variant"] == "midnight"
    page = front(whole, job)
    assert 'class="hero midnight"' in page
    assert TEA not in page
    style = whole.get(job, "/themes/classic/assets/css/midnight.css")
    assert style.status_code == 200 and "--paper: #0f1626" in style.text
    assert whole.service.jobs.certificate(job["id"])["bundle"]["variant"] == "midnight"
    assert "midnight" in whole.world.run("show", job["id"]).stdout


def test_a_variant_of_rows_is_ordered_by_its_title_over_http_and_lives(whole):
    account = whole.handmade_account()
    order = {"server": SERVER, "bundle": BUNDLE, "domain": f"{account}.localhost", "account": account,
             "email": "owner@example.com", "variant": " tea HOUSE"}  # fmt: skip
    answer = whole.signed("POST", "/api/v1/orders", order)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert built(whole, job)["variant"] == "tea"
    page = front(whole, job)
    assert TEA in page
    assert "midnight" not in page
    assert whole.get(job, "/themes/classic/assets/css/midnight.css").status_code == 404
    # What was ordered by title is the same order by name
    again = whole.signed("POST", "/api/v1/orders", {**order, "variant": "tea"})
    assert again.json()["id"] == job["id"]


@pytest.mark.sampled(of=2, rests=True)
def test_without_a_choice_it_is_the_template(whole):
    job = whole.quiet_order()
    assert whole.run_agent(job) == 0
    assert whole.live(job)["variant"] is None
    page = front(whole, job)
    assert TEA not in page and "midnight" not in page


def test_an_order_for_a_variant_the_bundle_does_not_have_is_refused_with_those_it_has(whole):
    account = whole.handmade_account()
    order = {"server": SERVER, "bundle": BUNDLE, "domain": f"{account}.localhost", "account": account}
    answer = whole.signed("POST", "/api/v1/orders", order | {"email": "owner@example.com", "variant": "Noon"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "order_invalid"
    assert "midnight (Midnight), standard (Standard), tea (Tea house)" in answer.json()["message"]
