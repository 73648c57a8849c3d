"""Follow-up jobs on a live shop of real PHP in a real account, done by the real agent and seen over http and https."""

import os
import shutil
import signal
import time

import bcrypt
import pytest

from tests.support.shops.real_follow_ups import RealWorld
from tests.support.state.state_database import on_sqlite
from tests.support.worlds.world import DOMAIN


@pytest.fixture
def real(tmp_path, mariadb_server, tls_authority):
    if shutil.which("php") is None:
        pytest.skip("no php for the sample shop")
    with on_sqlite(tmp_path) as engine:
        world = RealWorld(tmp_path, engine, mariadb_server, tls_authority)
        yield world
        world.close()


def begin(real, kind, **values):
    job = real.service.jobs.start_follow_up(real.shop.id, kind, values)
    real.work()
    assert real.status(job)["state"] == "dropped", real.status(job)
    return job


def ended(real, job):
    return lambda: real.status(job)["state"] in ("live", "failed", "cancelled")


def nothing_left(real):
    """Neither table, database user, folder nor cron line of the agent is there."""
    assert not [row for row in real.query("SHOW TABLES") if row[0].startswith("shoplaunch")]
    user = real.panel.temporary_user(real.panel.accounts[real.box.user], "")
    assert real.server.query("SELECT User FROM mysql.user WHERE User LIKE %s", user + "_____") == ()
    assert sorted(path.name for path in real.box.home.iterdir()) == ["plan.json", "public_html"]
    assert "shoplaunch" not in (real.box.crontab or "")


def is_on_http(real):
    """The shop answers over http and sends nobody anywhere."""
    assert real.settings()["PS_SSL_ENABLED"] == "0"
    status, _, body = real.get()
    assert status == 200 and DOMAIN.encode() in body


@pytest.mark.sampled(of=2, rests=True)
def test_https_is_switched_on_and_a_visitor_is_led_there_once(real):
    is_on_http(real)
    job = begin(real, "https_on")
    real.until(ended(real, job))
    assert real.status(job)["state"] == "live", real.status(job)
    assert real.settings()["PS_SSL_ENABLED"] == real.settings()["PS_SSL_ENABLED_EVERYWHERE"] == "1"
    status, headers, _ = real.get("/3-table?page=2")
    target = f"https://{DOMAIN}:{real.secure.port}/3-table?page=2"
    assert status in (301, 302) and headers["Location"] == target
    status, _, body = real.get("/3-table?page=2", https=True)
    assert status == 200
    assert f'href="https://{DOMAIN}:{real.secure.port}/themes/'.encode() in body
    # What proves the domain is served as it is, over http
    (real.box.root / ".well-known").mkdir()
    (real.box.root / ".well-known" / "proof.txt").write_text("proof")
    assert real.get("/.well-known/proof.txt")[::2] == (200, b"proof")
    assert real.status(real.shop)["tls"] == "on"
    nothing_left(real)


@pytest.mark.sampled(of=3, rests=True)
def test_a_shop_that_would_send_its_visitors_round_and_round_is_put_back(real):
    real.secure.honest = False
    job = begin(real, "https_on")
    real.until(ended(real, job))
    found = real.status(job)
    assert (found["state"], found["error"]["code"], found["attempt"]) == ("failed", "check_failed", 2)
    is_on_http(real)
    nothing_left(real)
    # With the front end repaired the same job does it
    real.secure.honest = True
    real.service.jobs.retry(job.id)
    real.until(ended(real, job))
    assert real.status(job)["state"] == "live", real.status(job)
    assert real.get("/", https=True)[0] == 200
    nothing_left(real)


@pytest.mark.sampled(of=2, rests=True)
def test_a_new_password_opens_the_back_office_and_the_old_one_no_more(real):
    real.query("INSERT INTO ps_employee_session (id_employee, token, date_add, date_upd) VALUES (1, 'x', NOW(), NOW())")
    assert real.sign_in(real.first_password) is True
    job = begin(real, "set_admin_password", **{"admin.password": "a new and long one"})
    real.until(ended(real, job))
    assert real.status(job)["state"] == "live", real.status(job)
    ((hashed,),) = real.query("SELECT passwd FROM ps_employee WHERE id_employee = 1")
    assert bcrypt.checkpw(b"a new and long one", hashed.encode())
    assert real.query("SELECT COUNT(*) FROM ps_employee_session WHERE id_employee = 1") == ((0,),)
    assert real.sign_in(real.first_password) is False
    assert real.sign_in("a new and long one") is True
    nothing_left(real)


@pytest.mark.sampled(of=2, rests=True)
def test_a_closed_shop_says_so_and_keeps_its_data(real):
    job = begin(real, "remove")
    real.until(ended(real, job))
    assert real.status(job)["state"] == "live", real.status(job)
    assert real.get()[0] == 503
    assert real.query("SELECT COUNT(*) > 0 FROM ps_product") == ((1,),)
    nothing_left(real)


def test_cancelled_after_the_switch_the_shop_is_back_on_http(real):
    job = begin(real, "https_on")
    cancelled = []

    def take(event):
        if event["event"] == "stage_finished" and event.get("stage") == "configure" and not cancelled:
            cancelled.append(real.service.jobs.cancel(job.id))
        return real.take_event(event)

    real.callbacks.answer = take
    real.until(lambda: real.job(job).facts.get("undo") == "done")
    assert cancelled and real.status(job)["state"] == "cancelled"
    is_on_http(real)
    nothing_left(real)


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("stage", ["preflight", "configure", "edit"])
def test_killed_within_the_switch_it_is_completed_by_the_next_tick(real, stage):
    job = begin(real, "https_on")
    killed = []

    def take(event):
        if event["event"] == "stage_started" and event.get("stage") == stage and not killed:
            killed.append(stage)
            os.killpg(process.pid, signal.SIGKILL)
        return real.take_event(event)

    real.callbacks.answer = take
    process = real.box.start()
    process.wait(120)
    time.sleep(0.1)
    real.until(ended(real, job))
    assert killed and real.status(job)["state"] == "live", real.status(job)
    assert real.get("/", https=True)[0] == 200
    nothing_left(real)
