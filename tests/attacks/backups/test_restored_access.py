"""A backup brings no access back that has ended since: sessions and codes are over, keys and operators are named."""

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller import backups
from controller.access import billing_keys, operators, second_factor, totp
from controller.backups import aftermath
from controller.cli import main
from controller.db import steps
from controller.db.connection.engine import reading, transact
from controller.db.identities.api_keys import ApiKey
from controller.db.tables import audit
from controller.jobs.intake.service import open_service
from controller.jobs.lifecycle import plan
from controller.jobs.record.sealed_values import sealed
from controller.jobs.shop import credentials
from controller.settings.loading import load_config
from controller.web.app import create_app
from tests.attacks.table import attack
from tests.integration.controller.rows import add_job
from tests.support.users.people import PASSWORD, People

SHOPS_PASSWORD = "Kq7mVd3xTb9pWn2h"


class Restored(People):
    """What a backup of it brings back in another home."""

    def __init__(self, saved, home):
        home.mkdir()
        self.environment = {"SHOPLAUNCH_HOME": str(home)}
        backups.restore(load_config(self.environment), saved)
        self.config = load_config(self.environment)
        self.service = open_service(self.config)
        self.app = create_app(self.config, self.service)


@pytest.fixture
def again(people, tmp_path):
    """A function: save, let something happen, bring it back."""
    made = []

    def bring_back(meanwhile):
        backups.backup(people.config, tmp_path / "saved")
        meanwhile()
        made.append(Restored(tmp_path / "saved", tmp_path / "other"))
        return made[0]

    yield bring_back
    for one in made:
        one.close()


def with_cookie(restored, cookie):
    browser = restored.app.test_client()
    browser.set_cookie("shoplaunch", cookie)
    return browser


@attack(
    "somebody copied an operator's session, which ended after a backup that is brought back",
    "no session from before the restore goes on",
)
@pytest.mark.parametrize("meanwhile", ["nothing", "signed out", "another password"])
def test_no_session_comes_back(people, again, meanwhile):
    cookie = people.signed_in("nora").get_cookie("shoplaunch").value
    assert with_cookie(people, cookie).get("/admin/jobs").status_code == 200
    actions = {
        "nothing": lambda: None,
        "signed out": lambda: operators.end_sessions(people.actor, "nora"),
        "another password": lambda: operators.set_password(people.actor, "nora", "another horse battery"),
    }
    restored = again(actions[meanwhile])
    assert with_cookie(restored, cookie).get("/admin/jobs").status_code == 302
    assert restored.try_in("nora")[0] == 303


@attack(
    "somebody copied a session that began after the backup and ended before it was brought back",
    "that is over as well, however often its operator signs out afterwards",
)
def test_no_later_session_comes_back(people, again):
    cookies = []

    def meanwhile():
        for _ in range(3):
            operators.end_sessions(people.actor, "nora")
            cookies.append(people.signed_in("nora").get_cookie("shoplaunch").value)

    restored = again(meanwhile)
    for _ in range(4):
        for cookie in cookies:
            assert with_cookie(restored, cookie).get("/admin/jobs").status_code == 302
        transact(restored.service.installation.engine, lambda made: operators.access.end_sessions(made, "nora"))


@attack(
    "somebody wrote down a code, or a recovery code, that was used after the backup that is brought back",
    "neither is taken; the app's next code is",
)
def test_no_used_code_comes_back(people, again):
    secret, codes = second_factor.begin(people.actor, "nora")
    now = people.service.now()
    used = totp.code_at(secret, int(now // totp.STEP_SECONDS))

    def meanwhile():
        assert second_factor.accepts(
            people.service.installation.engine, people.service.installation.keys, "nora", used, now
        )
        assert second_factor.accepts(
            people.service.installation.engine, people.service.installation.keys, "nora", codes[0], now
        )

    restored = again(meanwhile)
    known = restored.service
    for code in (used, *codes):
        assert not second_factor.accepts(known.installation.engine, known.installation.keys, "nora", code, now)
    later = now + 3 * totp.STEP_SECONDS
    fresh = totp.code_at(secret, int(later // totp.STEP_SECONDS))
    assert second_factor.accepts(known.installation.engine, known.installation.keys, "nora", fresh, later)


@attack(
    "a key was revoked, or an operator removed, after the backup that is brought back",
    "the restore, and doctor for two weeks, names every key, operator and server that is in use again",
)
def test_what_may_have_been_revoked_is_named(people, tmp_path):
    billing_keys.add(people.actor, ApiKey("leaked"))
    backups.backup(people.config, tmp_path / "saved")
    billing_keys.revoke(people.actor, "leaked")
    environment = {"SHOPLAUNCH_HOME": str(tmp_path / "other")}
    done = CliRunner(env=environment).invoke(main, ["restore", str(tmp_path / "saved")])
    assert done.exit_code == 3, done.output
    for words in ("leaked (`shoplaunch key revoke NAME`", "nora (administer), omid (operate)", "web-1", "session"):
        assert words in done.stdout
    output = CliRunner(env=environment).invoke(main, ["doctor"]).output
    assert "leaked" in output and "brought back" in output
    engine = open_service(load_config(environment)).installation.engine
    with reading(engine) as connection:
        at, back = aftermath.to_review(connection, 0.0)
        assert back.keys == ["leaked"]
        assert aftermath.to_review(connection, at + aftermath.REVIEW_SECONDS + 1) is None
        # By whom it was done stands in the log, as of every command
        query = sa.select(audit.c.user).where(audit.c.action == aftermath.ACTION)
        assert connection.execute(query).scalars().all() == ["command line"]
    engine.dispose()


@attack(
    "an operator restores, by a wrong line of his history, into an installation with keys and servers but no jobs",
    "he is asked first, and shown what would go",
)
def test_what_is_there_is_replaced_by_no_single_stroke(people, tmp_path):
    backups.backup(people.config, tmp_path / "saved")
    billing_keys.add(people.actor, ApiKey("made-since"))
    words = ["restore", str(tmp_path / "saved")]
    done = CliRunner(env=people.environment).invoke(main, words)
    assert done.exit_code == 1 and "not_confirmed" in done.output and "--yes" in done.output
    assert "keys: 1" in done.output and "operators: 2" in done.output and "servers: 1" in done.output
    assert [key.name for key in billing_keys.listed(people.actor)] == ["made-since"]
    done = CliRunner(env=people.environment).invoke(main, [*words, "--yes"])
    assert done.exit_code == 3 and billing_keys.listed(people.actor) == []
    assert PASSWORD not in done.output


def waiting_link(people, mode):
    """Return the address of the page behind which the password of a new shop waits, or is to be chosen."""
    service = people.service
    facts = {"shop_url": "http://x.example/", "admin_url": "http://x.example/admin77/"}
    kept = sealed(service.installation.keys, {credentials.PASSWORD: SHOPS_PASSWORD})
    add_job(service.installation.engine, "job1", state="live", server="web-1", facts=facts, **kept)
    transact(service.installation.engine, lambda connection: steps.insert(connection, "job1", plan.PLAN))
    for name in plan.PLAN:
        transact(
            service.installation.engine, lambda made, name=name: steps.update(made, "job1", name, state=steps.DONE)
        )
    nonce = credentials.offer(service.installation.engine, service.installation.keys, "job1", mode, service.now())
    return f"/credentials/{service.installation.tokens.for_credentials('job1', nonce)}"


@attack(
    "somebody reads a mail whose link to a password was used after the backup that is brought back",
    "no link from before the restore opens anything; the operator may send a new one",
)
@pytest.mark.parametrize("mode", ["link", "set"])
def test_no_used_link_to_a_password_comes_back(people, again, mode):
    address = waiting_link(people, mode)

    def meanwhile():
        assert credentials.state(people.service.jobs.get("job1"), people.service.now()) == credentials.WAITING
        if mode == "link":
            assert SHOPS_PASSWORD in people.app.test_client().post(address).text

    restored = again(meanwhile)
    client = restored.app.test_client()
    for page in (client.get(address), client.post(address, data={"password": "x" * 20, "again": "x" * 20})):
        assert page.status_code == 410 and SHOPS_PASSWORD not in page.text
    known = restored.service
    assert known.jobs.follow_ups("job1") == []
    # What `retry --step notify` does, and then the step
    known.jobs.retry("job1", "notify")
    nonce = credentials.offer(known.installation.engine, known.installation.keys, "job1", mode, known.now())
    assert client.get(address).status_code == 404
    fresh = f"/credentials/{known.installation.tokens.for_credentials('job1', nonce)}"
    assert client.get(fresh).status_code == 200


def test_links_to_passwords_that_a_restore_has_ended_are_named_until_there_are_new_ones(people, tmp_path):
    waiting_link(people, "link")
    backups.backup(people.config, tmp_path / "saved")
    environment = {"SHOPLAUNCH_HOME": str(tmp_path / "other")}
    runner = CliRunner(env=environment)
    output = runner.invoke(main, ["restore", str(tmp_path / "saved")]).stdout
    words = "job1 shop.example.com (`shoplaunch retry ID --step notify`"
    assert words in output
    assert words in runner.invoke(main, ["doctor"]).output
    config = load_config(environment)
    service = open_service(config)
    credentials.offer(service.installation.engine, service.installation.keys, "job1", "link", service.now())
    assert words not in runner.invoke(main, ["doctor"]).output
