"""Keys are rotated while agents and orders are under way: processes that run on understand the newer ones."""

import json
import zipfile

import pytest

from controller import keys
from controller.db import proofs
from controller.db.connection.engine import transact
from controller.db.identities.access import Note
from controller.jobs.agent_link.job_file import signed
from controller.jobs.intake.service import open_service
from controller.jobs.record.tokens import Tokens
from controller.keys import MAKERS, load_keys, rotate, trim
from controller.setup import installation
from controller.web.app import create_app
from controller.web.pages.operator import device
from shared.errors import ShoplaunchError
from shared.signing import PURPOSE_CERTIFICATE
from tests.attacks.table import attack
from tests.support.state.installing import install


@pytest.fixture
def rotated(places):
    """Return (the service of a process that runs on, that of one started after the keys were made anew)."""
    config = places.config("sqlite")
    install(config)
    before = open_service(config)
    rotate(config.keys)
    after = open_service(config)
    yield before, after
    for one in (before, after):
        one.installation.engine.dispose()


@attack(
    "after `key rotate` a worker is started again before the web server, which hears of its agents",
    "their tokens are accepted: a refused one would end their attempt for good; tokens of strangers are not",
)
def test_agents_of_a_newer_key_are_heard_by_a_web_server_that_runs_on(rotated):
    before, after = rotated
    before.agents.check(after.installation.tokens.for_agent("job1", 1))
    with pytest.raises(ShoplaunchError, match="not issued by this controller"):
        before.agents.check(after.installation.tokens.for_status("job1"))


@attack(
    "after `key rotate` a worker is started again before the web server, and mails clients their links",
    "the links open, to the client's page and to the password; those of strangers do not",
)
def test_links_of_a_newer_key_are_opened_by_a_web_server_that_runs_on(rotated):
    before, after = (one.installation.tokens for one in rotated)
    assert before.read_status(after.for_status("job1")) == "job1"
    assert before.read_credentials(after.for_credentials("job1", "nonce")) == ("job1", "nonce")
    stranger, refused = Tokens([bytes(32)]), "not issued by this controller"
    with pytest.raises(ShoplaunchError, match=refused):
        before.read_status(stranger.for_status("job1"))
    with pytest.raises(ShoplaunchError, match=refused):
        before.read_credentials(stranger.for_credentials("job1", "nonce"))


@attack(
    "after `key rotate` a worker is started again before the web server, and signs the certificate of a shop",
    "it is shown, and kept when its client is forgotten; one of a stranger's is none",
)
def test_certificates_of_a_newer_key_are_read_by_a_process_that_runs_on(world):
    job, jobs = world.live(), world.service.jobs
    content = jobs.certificate(job.id)
    rotate(world.config.keys)

    def sign(seeds):
        text = signed(PURPOSE_CERTIFICATE, content, seeds).decode("ascii")
        transact(world.engine, lambda connection: proofs.put_certificate(connection, job.id, text, world.clock()))

    sign([bytes(32)])
    with pytest.raises(ShoplaunchError, match="no key of this controller"):
        jobs.certificate(job.id)
    sign(load_keys(world.config.keys).signing)
    assert jobs.certificate(job.id) == content
    world.service.retention.forget(job.signed_by, job.id, Note("command line", "forget"))
    assert jobs.certificate(job.id)["sql_bytes"] == content["sql_bytes"]


@attack(
    "after `key rotate` one of two web servers is started again, and operators' requests come to both of them",
    "who has signed in at one is signed in at the other, and known there as a device; strangers' cookies open nothing",
)
def test_sessions_of_a_newer_key_are_known_at_a_web_server_that_runs_on(people):
    rotate(people.config.keys)
    service, before = open_service(people.config), people.app
    people.app = create_app(people.config, service)
    browser, other = people.signed_in("nora"), before.test_client()
    for name, path in (("shoplaunch", "/"), ("shoplaunch_device", "/admin")):
        other.set_cookie(name, browser.get_cookie(name, path=path).value, path=path)
    assert other.get("/admin/jobs").status_code == 200
    assert device_at(before, other) == device_at(people.app, browser) != ""
    for name, path in (("shoplaunch", "/"), ("shoplaunch_device", "/admin")):
        other.set_cookie(name, browser.get_cookie(name, path=path).value[:-2], path=path)
    assert other.get("/admin/jobs").status_code == 302 and device_at(before, other) == ""
    service.installation.engine.dispose()


def device_at(app, browser):
    """Return as which device of nora's the web server knows the browser."""
    value = browser.get_cookie(device.COOKIE, path="/admin").value
    with app.test_request_context("/admin/login", headers={"Cookie": f"{device.COOKIE}={value}"}):
        return device.known("nora")


@attack(
    "after `key rotate` a web server is started again before the workers, and seals a password that a client chose",
    "the workers open it: its job does not fail",
)
def test_what_is_sealed_by_a_newer_key_is_opened_by_a_process_that_runs_on(rotated):
    before, after = rotated
    assert before.installation.keys.decrypt(after.installation.keys.encrypt("s3cret")) == "s3cret"
    newer = after.installation.keys.encrypt("s3cret")
    (before.config.keys / "encryption").write_bytes(b"\n")
    with pytest.raises(ShoplaunchError, match="a key that is gone"):
        before.installation.keys.decrypt(newer)


@attack(
    "keys are rotated and retired, and a process that was never started again seals a password that a client chose",
    "it seals by the newest key there is: nothing of it is lost with the old ones",
)
def test_a_process_that_was_never_started_again_seals_by_the_newest_key(rotated):
    before, after = rotated
    known = load_keys(after.config.keys)
    for name in MAKERS:
        trim(after.config.keys, name, known)
    text = before.installation.keys.encrypt("s3cret")
    assert load_keys(after.config.keys).newest().decrypt(text) == "s3cret"


@attack(
    "`key rotate` ends half-way, as on a full disk, and the service is started again",
    "every key that may sign by then is one the agent trusts: accounts refuse no job",
)
def test_no_key_signs_before_the_agent_knows_it(rotated, monkeypatch):
    config, known, write = rotated[0].config, [], keys.replace_durably

    def write_and_start_again(path, content):
        write(path, content)
        assert load_keys(config.keys).public_keys()[-1] in known

    monkeypatch.setattr(installation, "install_agent", lambda _config, found: known.extend(found.public_keys()))
    monkeypatch.setattr(keys, "replace_durably", write_and_start_again)
    installation.rotate_keys(config)
    assert known[-1] == load_keys(config.keys).public_keys()[-1]


@attack(
    "the keys are copied to another controller's machine after `key rotate`, and no agent is built there",
    "no job is dropped that its agent would refuse: what to do is said, and `retry` goes on afterwards",
)
def test_no_agent_is_dropped_that_does_not_know_the_newest_key(world):
    def install(key):
        with zipfile.ZipFile(world.config.agent / "agent.pyz", "w") as archive:
            archive.writestr("agent/keys.json", json.dumps({"keys": [key.hex()]}))

    install(bytes(32))
    job = world.order()
    world.work()
    assert world.job(job).error["code"] == "agent_not_built" and "shoplaunch init" in world.job(job).error["message"]
    install(world.keys.public_keys()[-1])
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped"
