"""Starting follow-up jobs on the command line: what is said, what is asked, and that no password is shown."""

import json

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.jobs.lifecycle import changes
from tests.integration.controller.follow_ups import JOBS, begin


@pytest.fixture
def shop(world, monkeypatch):
    """A shop that lives; commands work on its controller."""
    monkeypatch.setattr("controller.cli.follow_up.load_config", lambda: world.config)
    monkeypatch.setattr("controller.cli.follow_up.open_service", lambda _config: world.service)
    world.add_bundle("later", jobs=JOBS)
    return world.live(bundle="later")


def run(*words, code=0, **more):
    done = CliRunner().invoke(main, words, **more)
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def only(world, shop):
    (job,) = world.service.jobs.follow_ups(shop.id)
    return job


def test_https_is_begun_once(world, shop):
    said = run("https-on", shop.id, "--yes")
    job = only(world, shop)
    assert said == f"{job.id}: received\n"
    again = run("https-on", shop.id, "--yes", code=1)
    assert job.id in again and "domain_busy" in again
    assert only(world, shop).id == job.id
    noted = [(row.action, row.job, row.detail) for row in world.service.access.list_audit(9, 0) if row.job]
    assert noted == [("https_on", shop.id, job.id)]


def test_a_password_is_read_from_standard_input_and_shown_nowhere(world, shop):
    said = run("set-admin-password", shop.id, input="correct horse\n")
    job = only(world, shop)
    assert said == f"{job.id}: received\n"
    assert "correct horse" not in world.keys.decrypt(job.secrets_encrypted)
    assert "correct" not in str([tuple(row) for row in world.service.access.list_audit(9, 0)])


@pytest.mark.parametrize("typed", ["\n", "short\n", "x" * 100 + "\n"])
def test_a_password_nobody_should_have_is_refused(world, shop, typed):
    assert "order_invalid" in run("set-admin-password", shop.id, input=typed, code=1)
    assert world.service.jobs.follow_ups(shop.id) == []


def test_a_generated_password_is_shown_once_and_fits_the_hash_the_agent_is_given(world, shop):
    import bcrypt

    said = run("set-admin-password", shop.id, "--generate", "--yes")
    password = said.rpartition(": ")[2].strip()
    world.work()
    from tests.support.worlds.world import Agent

    hashed = Agent(world, only(world, shop)).payload["values"]["admin.password_hash"]
    assert bcrypt.checkpw(password.encode(), hashed.encode())


def test_a_shop_is_closed_only_when_it_is_meant(world, shop):
    run("remove", shop.id, input="n\n", code=1)
    assert world.service.jobs.follow_ups(shop.id) == []
    run("remove", shop.id, "--yes")
    assert only(world, shop).kind == "remove"


def test_a_failed_one_has_to_be_retried_or_cancelled_first(world, shop):
    job, agent = begin(world, shop, "remove")
    agent.fail("configure_failed", stage="configure")
    world.work()
    said = run("remove", shop.id, "--yes", code=1)
    assert job.id in said and "retry" in said and "cancel" in said


def test_show_prints_what_keeps_a_shop_from_its_certificate(world, shop, monkeypatch):
    monkeypatch.setattr("controller.cli.jobs._service", lambda: world.service)
    assert "tls reason" not in run("show", shop.id)
    why = {"tls": "asked", "tls_reason": "“shop.example.com” does not resolve"}
    changes.change(world.engine, shop.id, world.clock(), lambda _c, job: {"facts": {**job.facts, **why}})
    said = run("show", shop.id)
    assert "tls reason" in said and why["tls_reason"] in said
    assert json.loads(run("show", shop.id, "--json"))["tls_reason"] == why["tls_reason"]
