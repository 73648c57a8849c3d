"""An order becomes a living shop: every step in its turn, the job file, the events, the certificate, the mail."""

import pytest

from controller.db import proofs
from controller.db.connection.engine import reading, transact
from controller.jobs.record.sealed_values import private_values
from controller.jobs.shop.shop_secrets import fingerprint
from shared.errors import ShoplaunchError
from shared.job import cron_line
from shared.schema import validate
from shared.signing import PURPOSE_JOB, load_signed
from tests.support.worlds.world import DOMAIN, Agent


def test_an_order_becomes_a_living_shop_and_the_client_is_notified(world):
    job = world.live()
    status = validate("service", world.status(job), "event_invalid")
    assert (status["state"], status["percent"], status["step"], status["error"]) == ("live", 100, None, None)
    assert [step["state"] for step in status["steps"]] == ["done"] * 9 + ["skipped", "done", "skipped"]
    assert status["shop_url"] == f"http://{DOMAIN}:{world.site.port}/"
    (news,) = world.mail.handed_over
    assert (news.login, news.email, news.admin_url) == ("owner@example.com", "owner@example.com", status["admin_url"])
    assert len(news.password) >= 12


def test_the_job_file_gives_the_agent_everything_but_the_password_of_the_back_office(world):
    job, agent = world.dropped()
    payload, home = agent.payload, agent.account.home
    assert payload["bundle"] == {
        "name": "classic", "manifest_sha256": world.bundle.manifest_sha256, "size": world.bundle.size,
        "path": str(world.config.bundles / "classic.bundle"),
        # The folders above are the tests' alone: the way may be barred to an account
        "url": "http://127.0.0.1:8000/api/v1/agent/bundle/classic",
    }  # fmt: skip
    assert payload["callback"]["url"] == "http://127.0.0.1:8000/api/v1/agent/events"
    assert payload["document_root"]["htaccess_blocks"] == [{"start": "^# BEGIN", "end": "^# END"}]
    assert payload["document_root"]["occupied"] == "refuse"
    values = payload["values"]
    assert values["domain"] == f"{DOMAIN}:{world.site.port}"
    assert (values["root"], values["home"]) == (f"{home}/public_html", home)
    assert values["db.password"] == world.panel.users["alice_shop"]
    assert values["admin.password_hash"].startswith("$2b$05$")
    password = private_values(world.keys, world.job(job))["admin.password"]
    assert "admin.password" not in values and password not in values.values()
    assert oct((agent.folder / "job").stat().st_mode)[-3:] == "600"
    assert world.panel.crontabs["alice"] == ["# the account's own", "5 5 * * * true", cron_line(job.id)]


def test_the_agent_can_check_the_job_file_by_its_own_means(world):
    from agent.base.ed25519 import verify

    _job, agent = world.dropped()
    text = (agent.folder / "job").read_bytes()
    assert load_signed(PURPOSE_JOB, world.keys.public_keys(), text, verify)["job"] == agent.id


def test_a_bundle_the_account_was_born_with_is_used_where_it_is(world):
    job = world.order()
    world.panel.ensure_account("alice", DOMAIN, create=True, email="")
    folder = world.panel.base / "alice" / ".shoplaunch"
    folder.mkdir()
    (folder / "shop.bundle").write_bytes((world.config.bundles / "classic.bundle").read_bytes())
    world.work()
    assert "path" not in Agent(world, job).payload["bundle"]


def test_database_and_user_are_made_side_by_side(world):
    import threading

    meeting = threading.Barrier(2)
    for method in ("ensure_database", "ensure_database_user"):
        world.panel.before[method] = lambda: meeting.wait(120)
    job = world.order()
    world.work()
    assert world.job(job).state == "dropped"


def test_events_are_followed_stage_by_stage(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.send("stage_started", stage="unpack", percent=5)
    agent.send("progress", stage="unpack", percent=23)
    found = world.job(job)
    assert (found.state, found.step, found.stage, found.percent) == ("restoring", "agent", "unpack", 23)
    agent.send("stage_finished", stage="unpack", percent=40, seconds=3.25)
    view = world.service.jobs.agent_view(world.job(job))
    (stage,) = view["stages"]
    assert (stage["name"], stage["state"], stage["seconds"]) == ("unpack", "done", 3.25)
    assert view["heard_at"] is not None
    validate("agent-view", view, "internal")


def test_the_certificate_is_signed_evidence(world):
    job = world.live()
    found = world.service.jobs.certificate(job.id)
    validate("certificate", found, "internal")
    assert list(found["stages"]) == ["verify", "unpack", "import", "prove", "switch"]
    assert (found["bytes_read"], found["bytes_written"], found["peak_memory_bytes"]) == (1000, 3000, 40_000_000)
    assert found["sql_bytes"] == 2000
    assert found["evidence"] == {"chunks": 5, "tables": {"ps_product": 19, "ps_shop": 1}}
    assert [(row["name"], row["status"]) for row in found["probes"]] == [
        ("front", 200), ("back_office", 200), ("missing", 404),
    ]  # fmt: skip
    assert set(found["fingerprints"]) == {
        "db.password", "admin.password", "secret.cookie_key", "secret.new_cookie_key",
    }  # fmt: skip


def test_a_certificate_is_no_job_file_for_anybody(world):
    from controller.jobs.shop.certificate import verify

    signed = world.service.jobs.signed_certificate(world.live().id)
    with pytest.raises(ShoplaunchError) as caught:
        load_signed(PURPOSE_JOB, world.keys.public_keys(), signed, verify)
    assert caught.value.code == "signature_invalid"


def test_there_is_no_certificate_before_the_shop_was_visited(world):
    job, _agent = world.dropped()
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.certificate(job.id)
    assert caught.value.code == "certificate_missing"


def test_secrets_are_forgotten_once_the_client_has_them(world):
    job = world.live()
    assert world.job(job).secrets_encrypted is None


def test_passwords_are_encrypted_while_they_are_kept(world):
    job, _agent = world.dropped()
    found = world.job(job)
    private = private_values(world.keys, found)
    assert not any(value in found.secrets_encrypted for value in private.values())


def test_two_shops_of_one_bundle_share_no_secret(world):
    first = world.live()
    second = world.live(domain="other.example.com", account="bob")
    with reading(world.engine) as connection:
        prints = [proofs.fingerprints_of(connection, job.id) for job in (first, second)]
    assert not set(prints[0].values()) & set(prints[1].values())


def test_a_secret_another_shop_has_ends_the_job(world):
    first = world.live()
    digits = {f"secret.{digit}": fingerprint(world.keys.fingerprint_salt, digit) for digit in "0123456789abcdef"}
    transact(world.engine, lambda connection: proofs.claim_fingerprints(connection, first.id, digits))
    world.add_bundle("weak", secrets=[{"name": "secret.digit", "format": "hex", "length": 1}])
    job = world.order(domain="other.example.com", account="bob", bundle="weak")
    world.work()
    assert (world.job(job).state, world.job(job).error["code"]) == ("failed", "secret_not_unique")
    assert "bob" not in world.panel.accounts


def test_the_order_of_steps_is_kept(world):
    world.dropped()
    order = [call[0] for call in world.panel.calls if call[0].startswith("ensure")]
    assert order[0] == "ensure_account"
    assert set(order[1:4]) == {"ensure_database", "ensure_database_user", "ensure_php"}
    assert set(order[4:6]) == {"ensure_privileges", "ensure_agent"}
    assert order[6:] == ["ensure_cron"]


def test_a_job_file_of_a_removed_agent_is_never_live_before_its_leftovers_are_gone(world):
    job, agent = world.dropped()
    agent.restore()
    world.serve(job)
    world.work()
    assert world.job(job).state == "finishing"
    world.work_later(60)
    assert world.job(job).state == "finishing"
    world.work_later(180)
    assert world.job(job).state == "live"
    assert not agent.folder.exists()
    assert world.panel.crontabs["alice"] == ["# the account's own", "5 5 * * * true"]
    assert "removed" in world.steps(job)["check"].note


@pytest.mark.parametrize(
    "evidence",
    [{}, {"stages": {"unpack": 1.0}}, {"stages": {"prove": 1.0}, "tables": {"ps_shop": 1}},
     {"stages": {"prove": 1.0}, "tables": {"ps_shop": 1, "ps_product": 18}},
     {"stages": 5, "tables": {"ps_shop": 1, "ps_product": 19}},
     {"stages": "prove", "tables": {"ps_shop": 1, "ps_product": 19}}],
)  # fmt: skip
def test_without_the_agents_whole_evidence_nobody_is_notified_that_the_shop_is_ready(world, evidence):
    job, agent = world.dropped()
    agent.restore(evidence)
    agent.clean()
    world.serve(job)
    world.work_later(300, stride=100)
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("failed", "check", "check_failed")
    assert world.mail.handed_over == []


def test_leftovers_that_cannot_be_removed_keep_a_shop_from_being_called_ready(world):
    job, agent = world.dropped()
    world.panel.remove_agent = lambda _account: None
    agent.restore()
    world.serve(job)
    world.work_later(600, stride=30)
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("failed", "check", "leftovers")
    assert world.mail.handed_over == []
