"""Jobs, accounts and shops of an earlier version go on: this version's controller, the agents that lay there."""

import bcrypt
import pytest

from shared.encoding import sha256_hex
from tests.support.state.earlier import AGENT
from tests.support.waiting import wait_until

#: Accounts as they were left -> what their agent had done.
HALF = {
    "dropped": "nothing yet",
    "unpack": "killed while it unpacked",
    "import": "killed in the import",
    "switch": "killed before anything was moved",
    "switching": "killed in the middle of the switch",
    "unheard": "through, but the controller was away",
    "quiet": "killed in the import, and given up as silent",
}
#: Shops that cron alone brings.
BY_CRON = ("received", "preparing", "cpanel", "billed", "new")


@pytest.fixture(scope="module", autouse=True)
def by_cron(machine):
    """Jobs that nobody had begun with, and an order for a bundle of then: cron brings them while tests do the rest."""
    found = {key: machine.job(key) for key in ("received", "preparing", "cpanel")}
    accepted = {"event": "accepted", "service_id": "1042", "order_id": "77"}
    status = machine.service.orders.take_event(accepted, machine.left.known["key"]["name"])
    found["billed"] = machine.as_known(machine.service.jobs.get(status["id"]))
    order = {
        "server": "thishost", "bundle": "second", "domain": "slenew.localhost", "email": "new@shop.example",
        "account": "slenew", "create_account": True, "shop_name": "New", "language": "fa",
    }  # fmt: skip
    found["new"] = machine.as_known(machine.service.orders.place(order, "command"))
    return found


def lives(machine, job, attempt=1):
    """The shop of the job lives: it answers, its certificate is true, nothing of the agent is left in the account."""
    status = machine.reaches(job, "live")
    assert status["attempt"] == attempt
    wait_until(lambda: machine.show(job)["steps"][-1]["state"] in ("done", "skipped"), lambda: machine.trouble(job))
    certificate = machine.service.jobs.certificate(job["id"])
    assert certificate["evidence"]["tables"]
    assert not machine.folder(job).exists()
    assert "shoplaunch" not in machine.crontab(job)
    assert not {name for name in machine.tables(job) if "shoplaunch" in name}
    path = f"/{job['folder']}/" if job["folder"] else "/"
    assert machine.get(job, path).status_code == 200
    return status


def agent_of(machine, job):
    return sha256_hex((machine.folder(job) / "agent.pyz").read_bytes())


def is_password(machine, job, password):
    """Return whether the shop's administrator signs in with it."""
    ((kept,),) = machine.sql("SELECT passwd FROM ps_employee", database=machine.database(job))
    return bcrypt.checkpw(password.encode(), kept.replace("$2y$", "$2b$").encode())


# The first: who is silent for long loses the way into the database
@pytest.mark.sampled(of=3, rests=True)
def test_a_password_that_was_on_its_way_arrives(machine, left):
    job = machine.job("laterpassword")
    machine.reaches(job, "live")
    assert is_password(machine, job, left.known["given_password"])


@pytest.mark.sampled(of=7)
@pytest.mark.parametrize("key", HALF)
def test_the_agent_that_lay_there_brings_the_shop(machine, left, key):
    job = machine.job(key)
    assert agent_of(machine, job) == sha256_hex(left.content(AGENT)), HALF[key]
    lives(machine, job)
    assert machine.password(job) == left.known["private"][key]["admin.password"]


def test_the_variant_that_was_ordered_is_what_came(machine):
    job = machine.job("dropped")
    machine.reaches(job, "live")
    assert machine.show(job)["variant"] == "midnight"
    assert "midnight" in machine.get(job).text


@pytest.mark.parametrize("key", ["finishing", "cleanup"])
def test_a_shop_whose_agent_was_through_is_proved_and_announced(machine, key):
    lives(machine, machine.job(key))


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("key", ["occupied", "denied", "stalled"])
def test_what_had_failed_is_tried_again_by_an_agent_of_this_version(machine, key):
    job = machine.job(key)
    if key == "occupied":
        (machine.root(job) / "index.html").unlink()
    machine.service.jobs.retry(job["id"])
    wait_until(lambda: machine.show(job)["state"] == "dropped", lambda: machine.trouble(job))
    assert agent_of(machine, job) == sha256_hex((machine.service.config.agent / "agent.pyz").read_bytes())
    lives(machine, job, attempt=2)


def test_the_operator_is_notified_of_what_had_failed_unheard(machine):
    job = machine.left.jobs["denied"]
    wait_until(lambda: machine.service.jobs.get(job).alarm != "wanted")
    letters = [path.read_text("utf-8") for path in machine.world.mail.glob("*.alarm.eml")]
    assert any(job in letter for letter in letters)


def test_a_job_that_was_cancelled_is_put_back(machine):
    job = machine.job("cancelling")

    def is_put_back():
        if (machine.folder(job) / "run").exists():
            machine.run_agent(job)
        return machine.service.jobs.get(job["id"]).facts["undo"] == "done"

    wait_until(is_put_back, lambda: machine.trouble(job), 120, pause=0.2)
    assert machine.show(job)["state"] == "cancelled"
    assert (machine.home(job) / "own.txt").read_text() == "of the owner\n"
    assert list(machine.root(job).iterdir()) == []
    assert not machine.folder(job).exists()
    assert machine.tables(job) == set()
    assert machine.crontab(job) == ""


def test_a_cancellation_is_taken_back(machine):
    job = machine.job("cancelled")
    before = machine.show(job)["attempt"]
    machine.service.jobs.undo_cancel(job["id"])
    lives(machine, job, attempt=before + 1)


def test_what_was_ignored_stays_ignored(machine):
    assert machine.show(machine.job("ignored"))["state"] == "ignored"


# -- shops that lived ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["live", "later", "link", "untold"])
def test_a_shop_that_lived_answers(machine, key):
    job = machine.job(key)
    assert machine.show(job)["state"] == "live"
    assert machine.get(job, f"/{job['folder']}/" if job["folder"] else "/").status_code == 200
    assert machine.service.jobs.certificate(job["id"])["domain"].partition(":")[0] == job["domain"]


def test_a_removal_nobody_had_begun_with_is_carried_out(machine):
    job = machine.job("removedremove")
    assert machine.get(machine.job("removed")).status_code in (200, 503)
    machine.reaches(job, "live")
    assert machine.get(machine.job("removed")).status_code == 503
    assert machine.service.jobs.get(machine.left.jobs["removed"]).facts["removed"]


def test_a_shop_that_lived_gets_another_password(machine, left):
    shop = machine.job("live")
    assert is_password(machine, shop, left.known["given_password"])
    small = machine.service.jobs.start_follow_up(
        shop["id"], "set_admin_password", {"admin.password": "of-this-version"}
    )
    machine.reaches(machine.as_known(small), "live")
    assert is_password(machine, shop, "of-this-version")


def test_a_client_who_could_not_be_notified_is_notified_later(machine, left):
    steps = {row["name"]: row["state"] for row in left.known["status"]["untold"]["steps"]}
    assert steps["notify"] != "done"
    job = machine.job("untold")
    assert machine.password(job) == left.known["private"]["untold"]["admin.password"]


# -- what cron brings ------------------------------------------------------------------------------------------------


@pytest.mark.cron
@pytest.mark.parametrize("key", BY_CRON)
def test_cron_brings_what_nobody_had_begun_with(machine, by_cron, key):
    job = by_cron[key]
    wait_until(lambda: machine.show(job)["state"] not in ("received", "preparing", "dropped", "restoring", "finishing"),
             lambda: machine.trouble(job), 180)  # fmt: skip
    assert machine.show(job)["state"] == "live", machine.trouble(job)
    assert machine.service.jobs.certificate(job["id"])["evidence"]["tables"]
    if key != "cpanel":
        assert machine.get(job).status_code == 200


def test_a_service_no_job_could_be_made_of_says_why(machine):
    status = machine.service.orders.service_status("1043", machine.left.known["key"]["name"])
    assert (status["id"], status["error"]["code"]) == (None, "bundle_unknown")
