"""The state database of an earlier version, on SQLite and MariaDB: this version reads everything in it."""

import json
import uuid

import pytest
import requests
import sqlalchemy as sa
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import reading
from controller.db.migrate import revisions
from controller.db.tables import events, jobs, servers
from controller.jobs.lifecycle.states import STATES
from controller.jobs.record.sealed_values import private_values
from controller.jobs.shop.certificate import verify
from controller.web.api.signed_requests import signature
from shared.events import make_event
from shared.job import check_job
from shared.schema import validate
from shared.signing import PURPOSE_JOB, load_signed
from tests.support.worlds.web_site import csrf_of

TIMEOUT = 120
LIVING = ("live", "later", "removed", "link", "untold")


def get(session, url):
    answer = session.get(url, timeout=TIMEOUT)
    assert answer.status_code == 200, (url, answer.status_code, answer.text[:500])
    return answer.text


@pytest.fixture(scope="package")
def operator(site, left):
    """The session of the operator there was, with the password there was."""
    browser = requests.Session()
    form = {**left.known["operator"], "csrf_token": csrf_of(get(browser, f"{site}/admin/login"))}
    answer = browser.post(f"{site}/admin/login", data=form, timeout=TIMEOUT)
    assert answer.url.endswith("/admin/jobs"), answer.text
    return browser


def job_files(left):
    """Return the signed job files in the accounts, account -> text."""
    return {name.split("/")[1]: left.content(name) for name in left.names(r"accounts/[^/]+/\.shoplaunch/job")}


def test_jobs_in_every_state_were_left(left):
    assert set(left.known["states"].values()) == set(STATES)


def test_the_database_is_brought_to_this_version(installation):
    found, newest = revisions(installation.engine)
    assert found == newest
    assert "of this version" in installation.migrated


def same(shown, status):
    """What is shown of a job is what was shown; new fields and new steps may have come."""
    known = {name: value for name, value in status.items() if name != "steps"}
    assert {name: shown.get(name) for name in known} == known
    rows = {row["name"]: row for row in shown["steps"]}
    for row in status["steps"]:
        assert {name: rows[row["name"]].get(name) for name in row} == row


def test_every_job_is_listed_as_it_was(installation, left):
    shown = {row["id"]: row for row in json.loads(installation.run("jobs", "--json"))}
    assert set(shown) == set(left.jobs.values())
    for status in left.known["status"].values():
        same(shown[status["id"]], status)
        validate("service", shown[status["id"]], "order_invalid")
    text = installation.run("jobs")
    assert all(job_id in text for job_id in left.jobs.values())


@pytest.mark.parametrize("state", STATES)
def test_jobs_of_each_state_are_listed(installation, left, state):
    wanted = {left.jobs[key] for key, found in left.known["states"].items() if found == state}
    assert {row["id"] for row in json.loads(installation.run("jobs", "--state", state, "--json"))} == wanted


def test_every_job_is_shown(installation, left):
    for key, job_id in left.jobs.items():
        shown = json.loads(installation.run("show", job_id, "--json"))
        same(shown, left.known["status"][key])
        assert shown["agent"]["stages"] or left.known["states"][key] != "restoring"
        assert job_id in installation.run("show", job_id)


def test_every_page_of_the_operator_is_there(operator, site, left):
    for path in ("jobs", "jobs?page=1", "servers", "audit", *(f"jobs?state={state}" for state in STATES)):
        get(operator, f"{site}/admin/{path}")
    for key, job_id in left.jobs.items():
        page = get(operator, f"{site}/admin/jobs/{job_id}")
        assert left.known["status"][key]["account"] in page
    for key in LIVING:
        assert key in get(operator, f"{site}/admin/jobs/{left.jobs[key]}/certificate")


def test_the_audit_shows_what_was_done_before(operator, site, left):
    assert left.known["operator"]["user"] in get(operator, f"{site}/admin/audit")


def test_every_status_page_that_was_given_to_a_client_is_there(site, left):
    for status in left.known["status"].values():
        page = get(requests, f"{site}/status/{status['status_url'].rpartition('/')[2]}")
        assert status["domain"] in page


def test_the_link_to_a_password_still_leads_to_it(site, left, installation):
    path = left.known["link"].partition("/credentials/")[2]
    browser = requests.Session()
    page = get(browser, f"{site}/credentials/{path}")
    password = left.known["private"]["link"]["admin.password"]
    assert password not in page
    shown = browser.post(f"{site}/credentials/{path}", timeout=TIMEOUT)
    assert shown.status_code == 200 and password in shown.text
    assert private_values(installation.keys, installation.service.jobs.get(left.jobs["link"])) == {}


def test_billing_asks_after_its_services_with_the_key_it_has(site, left, installation):
    name, secret = left.known["key"]["name"], left.known["key"]["secret"].encode()
    for number, status in left.known["services"].items():
        path, stamp, event = f"/api/v1/services/{number}", str(int(installation.service.now())), str(uuid.uuid4())
        headers = {
            "X-Shoplaunch-Key": name, "X-Shoplaunch-Timestamp": stamp, "X-Shoplaunch-Event": event,
            "X-Shoplaunch-Signature": signature(secret, stamp, event, "GET", path, b""),
        }  # fmt: skip
        answer = requests.get(site + path, headers=headers, timeout=TIMEOUT)
        assert answer.status_code == 200, answer.text
        same(answer.json(), status)
        validate("service", answer.json(), "order_invalid")


def test_what_was_sealed_is_read(installation, left):
    kept = {key: values for key, values in left.known["private"].items() if key != "link"}
    assert len(kept) > 10
    for key, values in kept.items():
        assert private_values(installation.keys, installation.service.jobs.get(left.jobs[key])) == values
    secret = installation.service.access.signing_secret(left.known["key"]["name"])
    assert secret == left.known["key"]["secret"].encode()
    with reading(installation.engine) as connection:
        token = connection.execute(sa.select(servers.c.token_encrypted).where(servers.c.name == "cp1")).scalar_one()
    assert installation.keys.decrypt(token) == left.known["cpanel_token"]


@pytest.mark.parametrize("key", LIVING)
def test_a_shop_that_lives_has_its_certificate(installation, left, key):
    job_id = left.jobs[key]
    assert installation.service.jobs.signed_certificate(job_id) == left.known["certificates"][key]
    found = json.loads(installation.run("certificate", job_id, "--json"))
    assert found["domain"].partition(":")[0] == f"sle{key}.localhost"
    assert found["evidence"]["tables"]


def test_an_agent_that_was_started_before_is_heard(installation, site, left):
    found = job_files(left)
    assert len(found) > 10
    payload = load_signed(PURPOSE_JOB, installation.keys.public_keys(), found["sledropped"], verify)
    event = make_event(payload["job"], payload["attempt"], 0, "heartbeat", installation.service.now())
    headers = {"Authorization": f"Bearer {payload['callback']['token']}"}
    answer = requests.post(f"{site}/api/v1/agent/events", json=event, headers=headers, timeout=TIMEOUT)
    assert answer.status_code == 202, answer.text
    assert installation.service.jobs.get(payload["job"]).heard_at is not None


def test_every_server_is_listed(installation):
    found = {row["name"]: row for row in json.loads(installation.run("server", "list", "--json"))}
    assert {name: row["panel"] for name, row in found.items()} == {"cp1": "cpanel", "thishost": "local"}


def test_every_bundle_is_listed_and_whole(installation):
    names = {row["name"] for row in json.loads(installation.run("bundle", "list", "--json"))}
    assert names == {"sample", "second"}
    for name in names:
        found = json.loads(installation.run("bundle", "show", name, "--json"))
        assert found["manifest"]["application"]["name"] == "prestashop"
        installation.run("bundle", "show", name)
        path = installation.home / "bundles" / f"{name}.bundle"
        # The same file again changes nothing
        installation.run("bundle", "add", name, str(path))


def test_a_backup_is_made_and_brought_back(installation, tmp_path):
    file = tmp_path / "backup"
    installation.run("backup", str(file))
    other = {"SHOPLAUNCH_HOME": str(tmp_path / "other"), "SHOPLAUNCH_DATABASE_URL": ""}
    (tmp_path / "other").mkdir()
    done = CliRunner().invoke(main, ["restore", str(file)], env=other)
    assert done.exit_code in (0, 3), done.output
    listed = CliRunner().invoke(main, ["jobs", "--json"], env=other)
    ids = {row["id"] for row in json.loads(installation.run("jobs", "--json"))}
    assert {row["id"] for row in json.loads(listed.output)} == ids


# -- wire formats ----------------------------------------------------------------------------------------------------


def test_job_files_of_then_are_job_files_now(installation, left):
    kinds = set()
    for text in job_files(left).values():
        payload = check_job(load_signed(PURPOSE_JOB, installation.keys.public_keys(), text, verify))
        kinds.add(payload["kind"])
    assert kinds == {"restore", "set_admin_password"}


def test_events_of_then_are_events_now(installation):
    with reading(installation.engine) as connection:
        rows = [json.loads(body) for (body,) in connection.execute(sa.select(events.c.body))]
    for event in rows:
        validate("event", event, "event_invalid")
    assert {"started", "stage_started", "finished", "failed", "cleaned"} <= {event["event"] for event in rows}


def test_orders_of_then_are_orders_now(installation):
    with reading(installation.engine) as connection:
        rows = connection.execute(sa.select(jobs.c.order).where(jobs.c.kind == "restore")).scalars()
        orders = [json.loads(text) for text in rows]
    for order in orders:
        validate("order", {"event": "ordered", **order}, "order_invalid")


def test_states_of_agents_of_then_are_states_now(left):
    names = left.names(r"accounts/[^/]+/\.shoplaunch/state\.json")
    found = [json.loads(left.content(name)) for name in names]
    for state in found:
        validate("state", state, "state_invalid")
    assert len({state.get("stage") for state in found}) > 3
