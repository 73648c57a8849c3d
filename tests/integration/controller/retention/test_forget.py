"""A client's data are erased on request, from every table, and the figures of the certificate stay."""

import json

import pytest

from controller.db.identities.access import Note
from controller.db.orders import services
from controller.db.orders.request_log import Answer
from controller.db.orders.services import BilledService
from controller.jobs.intake import chores, refused_orders, termination
from controller.jobs.intake.orders import Sender
from shared.errors import ShoplaunchError
from shared.schema import validate
from tests.attacks.table import attack
from tests.integration.controller import follow_ups
from tests.integration.controller.retention.stored import DAY, dump, rows
from tests.integration.controller.retention.stored import sweep as swept
from tests.support.users.mails import mails_of, put_into

NOTE = Note("command line", "forget")
KEY = "whmcs"
#: Texts that name the client, and what the test has planted them in.
PLANTED = {
    "domain": "planted-place.example.com", "email": "planted.owner@mail.example", "account": "planteda",
    "first_name": "Plantedfirst", "last_name": "Plantedlast", "shop_name": "Planted Goods",
}  # fmt: skip
ADDRESS = "203.0.113.77"


def live(world, service_id="42", **changes):
    """Return the living shop of a service, ordered with what names its client; every table says something of it."""
    if "shop" not in {bundle.name for bundle in world.service.installation.bundles.listed()}:
        world.add_bundle("shop", jobs=follow_ups.JOBS)
    order = {
        "server": "web1", "bundle": "shop", "create_account": True, "language": "en", "service_id": service_id,
        **PLANTED, **changes,
    }  # fmt: skip
    order = {name: value for name, value in order.items() if value is not None}
    job = world.service.orders.place(order, source="api", signed_by=KEY)
    world.work()
    world.finish(job)
    access, log = world.service.access, world.service.access.request_log
    access.audit("client", "password shown", job.id, ADDRESS)
    access.audit("anna", "dismiss_refused", None, f"7 {PLANTED['domain']}")
    log.claim("whmcs:1", "a" * 64)
    log.keep("whmcs:1", Answer(202, "application/json", json.dumps(world.status(job))))
    return world.job(job)


def named(world, *, files=True):
    """Return which of the planted texts the database holds somewhere."""
    text = dump(world.engine, files=files)
    wanted = [*PLANTED.values(), ADDRESS]
    return [one for one in wanted if one in text]


def forget(world, service_id="42", key=KEY):
    return world.service.retention.forget(key, service_id, NOTE)


def test_nothing_that_names_the_client_is_left_anywhere(world):
    job = live(world)
    follow_up, agent = follow_ups.begin(world, job, "set_admin_password", **{"admin.password": "another long one"})
    follow_ups.finish(agent)
    world.work()
    assert world.job(follow_up).state == "live"
    assert named(world) == [*PLANTED.values(), ADDRESS]
    done = forget(world)
    assert done.jobs == [job.id] and done.rows > 10
    assert named(world) == []


def test_the_figures_of_the_certificate_stay_and_it_verifies(world):
    job = live(world)
    before = world.service.jobs.certificate(job.id)
    forget(world)
    after = world.service.jobs.certificate(job.id)
    validate("certificate", after, "internal")
    kept = ("job", "server", "issued_at", "bundle", "bytes_read", "sql_bytes", "stages", "fingerprints")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["evidence"]["tables"] == before["evidence"]["tables"] and "domain" not in after


def test_it_may_be_repeated_and_an_unknown_service_is_said(world):
    job = live(world)
    forget(world)
    assert forget(world).jobs == []
    assert world.job(job).state == "live" and world.service.jobs.status(world.job(job))["ended_at"] is not None
    with pytest.raises(ShoplaunchError) as caught:
        forget(world, "43")
    assert caught.value.code == "service_unknown"
    with pytest.raises(ShoplaunchError):
        forget(world, key="another")


def test_a_job_that_is_worked_on_is_refused_and_stays_whole(world):
    order = {"server": "web1", "bundle": "classic", "create_account": True, "language": "en", "service_id": "42"}
    job = world.service.orders.place({**order, **PLANTED}, source="api", signed_by=KEY)
    world.work()
    before = dump(world.engine)
    with pytest.raises(ShoplaunchError) as caught:
        forget(world)
    assert (caught.value.code, world.job(job).email) == ("job_under_way", PLANTED["email"])
    assert dump(world.engine) == before


def test_a_follow_up_job_that_is_worked_on_is_refused(world):
    job = live(world)
    follow_ups.begin(world, job, "remove")
    with pytest.raises(ShoplaunchError) as caught:
        forget(world)
    assert caught.value.code == "job_under_way" and PLANTED["email"] in named(world)


def test_another_clients_data_stay(world):
    live(world)
    other = live(world, "43", domain="another.example.com", account="anothera", email="another@mail.example")
    answer = world.service.access.request_log.claim
    forget(world)
    assert (world.job(other).email, world.job(other).state) == ("another@mail.example", "live")
    assert answer("whmcs:1", "a" * 64).status in (202, 410)


@attack(
    "a client takes an account that is called as a word of every answer, and is forgotten",
    "others' stored answers, and what the audit log says of them, stay as they are",
)
@pytest.mark.parametrize("account", ["status", "server", "domain", "web1", "orders", "live", "code"])
def test_an_account_that_is_called_as_a_word_of_ours_takes_nobody_elses_answers_away(world, account):
    live(world, account=account)
    other = live(world, "43", domain="another.example.com", account="anothera", email="another@mail.example")
    log, status = world.service.access.request_log, json.dumps(world.status(other))
    refusal = json.dumps(
        {"title": "no such server", "status": 400, "code": "server_unknown", "advice": "See the code."}
    )
    for event, text in (("whmcs:2", status), ("whmcs:3", refusal)):
        log.claim(event, "a" * 64)
        log.keep(event, Answer(202, "application/json", text))
    world.service.access.audit("anna", "key allow", None, "orders of server web1, domain any")
    forget(world)
    assert [log.claim(event, "a" * 64).body for event in ("whmcs:2", "whmcs:3")] == [status, refusal]
    assert "orders of server web1, domain any" in dump(world.engine)


@attack(
    "an answer to somebody else names the client who is forgotten",
    "it loses the sentence that does, and stays",
)
def test_an_answer_to_somebody_else_loses_the_sentence_that_names_the_client_alone(world):
    live(world)
    log = world.service.access.request_log
    log.claim("whmcs:2", "a" * 64)
    refusal = {"title": f"domain {PLANTED['domain']} is account {PLANTED['account']}'s", "code": "domain_taken"}
    log.keep("whmcs:2", Answer(409, "application/problem+json", json.dumps(refusal)))
    forget(world)
    found = log.claim("whmcs:2", "a" * 64)
    assert (found.status, json.loads(found.body)) == (409, {"title": "", "code": "domain_taken"})
    assert named(world) == []


@attack(
    "a client is forgotten below whose domain somebody else has a name",
    "what is stored of the other one stays",
)
def test_who_has_a_name_below_the_clients_domain_keeps_the_answers_and_what_the_audit_log_says(world):
    live(world)
    below = f"shop.{PLANTED['domain']}"
    other = live(world, "43", domain=below, account="anothera", email="another@mail.example")
    log, status = world.service.access.request_log, json.dumps(world.status(other))
    log.claim("whmcs:2", "a" * 64)
    log.keep("whmcs:2", Answer(202, "application/json", status))
    world.service.access.audit("key whmcs", "order", None, f"43 {below}")
    world.service.access.audit("key whmcs", "order", other.id, f"44 {PLANTED['domain']}")
    forget(world)
    assert log.claim("whmcs:2", "a" * 64).body == status
    text = dump(world.engine)
    assert f"43 {below}" in text and f"44 {PLANTED['domain']}" in text


def test_a_repeated_request_of_the_service_learns_that_it_was_erased(world):
    live(world)
    forget(world)
    found = world.service.access.request_log.claim("whmcs:1", "a" * 64)
    assert (found.status, json.loads(found.body)["code"]) == (410, "service_forgotten")


def test_the_audit_log_says_it_without_naming_anybody(world):
    live(world)
    forget(world)
    (row,) = (one for one in world.service.access.list_audit(50, 0) if one.action == "forget")
    assert (row.user, row.detail) == ("command line", f"1 jobs of {KEY}/42")


def test_mails_that_lie_in_a_folder_go_as_well(world, tmp_path):
    job = live(world)
    folder = tmp_path / "mails"
    folder.mkdir()
    object.__setattr__(world.config.mail, "folder", str(folder))
    for name in (job.id, "another1"):
        (folder / f"17.4.{name}.ready.eml").write_text("To: somebody")
    assert forget(world).files == 1
    assert [path.name for path in folder.iterdir()] == ["17.4.another1.ready.eml"]


def test_a_mail_that_comes_while_the_client_is_about_to_be_forgotten_goes_as_well(world, monkeypatch):
    job, folder = live(world), world.folder / "mails"
    folder.mkdir()
    object.__setattr__(world.config.mail, "folder", str(folder))
    read = services.get

    def mailed(connection, *service, lock=False):
        if lock:
            (folder / f"17.4.{job.id}.alarm.eml").write_text("To: somebody")
        return read(connection, *service, lock=lock)

    monkeypatch.setattr(services, "get", mailed)
    assert forget(world).files == 1 and list(folder.iterdir()) == []


def test_mails_of_who_is_not_forgotten_stay(world):
    job, folder = live(world), world.folder / "mails"
    follow_ups.begin(world, job, "remove")
    folder.mkdir()
    object.__setattr__(world.config.mail, "folder", str(folder))
    (folder / f"17.4.{job.id}.ready.eml").write_text("To: somebody")
    with pytest.raises(ShoplaunchError) as caught:
        forget(world)
    assert caught.value.code == "job_under_way" and len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("end", ["mailed before", "forgotten while it is mailed"])
def test_the_mail_about_a_refused_order_in_a_folder_goes_with_its_client(world, monkeypatch, end):
    folder = world.folder / "mails"
    object.__setattr__(world.config.mail, "folder", str(folder))
    put_into(world, monkeypatch, folder)
    send, document = world.mail.alarm, {"service_id": "42", "domain": PLANTED["domain"], "bundle": "gone"}
    for service, domain in (("42", PLANTED["domain"]), ("43", "other.example.com")):
        error = ShoplaunchError("bundle_unknown", "refused by the test")
        order = {**document, "service_id": service, "domain": domain}
        refused_orders.refuse(world.engine, Sender("api", KEY), order, error, world.clock())

    def sending(news):
        send(news)
        if end != "mailed before" and news.domain == PLANTED["domain"]:
            forget(world)
            send(news)

    monkeypatch.setattr(world.mail, "alarm", sending)
    chores.run(world.service.installation)
    if end == "mailed before":
        assert forget(world).files == 1
    (left,) = mails_of(folder)
    assert "other.example.com" in left.as_string()


def test_data_of_a_client_whose_service_ended_go_by_themselves(world):
    job = live(world)
    swept(world, 200)
    assert PLANTED["email"] in named(world)
    termination.end(world.engine, BilledService("42", KEY), world.clock(), None)
    world.work()
    swept(world, 89)
    assert world.job(job).email == PLANTED["email"]
    swept(world, 2)
    assert world.job(job).email == "" and named(world, files=False) == []
    assert world.service.jobs.certificate(job.id)["job"] == job.id


def test_a_shop_that_another_one_replaced_is_not_taken_for_living_again(world):
    first = live(world)
    world.clock.pass_by(DAY)
    second = live(world, "43", domain="second.example.com", create_account=None, options={"occupied": "move"})
    assert world.job(second).account == world.job(first).account
    forget(world, "43")
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.start_follow_up(first.id, "remove", {})
    assert caught.value.code == "illegal_transition"
    assert rows(world.engine, "jobs", id=first.id)[0].email == PLANTED["email"]
