"""Keys are rotated while agents and orders are under way: processes that run on understand the newer ones."""

import pytest

from controller.jobs.intake.service import open_service
from controller.keys import MAKERS, load_keys, rotate, trim
from controller.setup import installation
from shared.errors import ShoplaunchError
from tests.attacks.table import attack


@pytest.fixture
def rotated(places):
    """Return (the service of a process that runs on, that of one started after the keys were made anew)."""
    config = places.config("sqlite")
    installation.ensure_installation(config)
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
