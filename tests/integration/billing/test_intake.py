"""Events of billing about a service, in every order in which they may come."""

import itertools

import pytest

from controller.db.upkeep import health as rows
from controller.jobs.engine.monitoring import health
from controller.jobs.intake import billing_events, chores
from controller.jobs.intake.orders import Sender
from shared.errors import ShoplaunchError
from shared.schema import validate
from tests.integration.billing.events import accepted, created, terminated
from tests.support.worlds.world import Agent


def take_events(world, *events):
    for event in events:
        status = validate("service", world.service.orders.take_event(event), "order_invalid")
    return status


def refusal(world, event):
    with pytest.raises(ShoplaunchError) as caught:
        world.service.orders.take_event(event)
    return caught.value


def jobs_of(world, service_id):
    return [job for job in world.service.jobs.listed() if job.service_id == service_id]


def test_a_created_service_becomes_a_job_on_the_server_of_that_host_name(world):
    status = take_events(world, created("1042"))
    assert (status["state"], status["server"], status["account"]) == ("received", "web1", "a1042")
    assert (status["waiting_for"], status["service_id"]) == (None, "1042")
    [job] = jobs_of(world, "1042")
    assert (job.source, job.account) == ("whmcs", "a1042")


@pytest.mark.parametrize(
    "host", ["WEB1.example.net", "web1.example.net.", "https://web1.example.net:2083/", " web1.example.net"]
)
def test_a_host_name_is_known_however_it_is_written(world, host):
    assert take_events(world, created("1", server_host=host))["server"] == "web1"


def test_a_service_that_waits_for_acceptance_says_so_and_begins_with_it(world):
    event = created("1042", wait_for_acceptance=True)
    status = take_events(world, event)
    assert (status["id"], status["state"], status["waiting_for"]) == (None, "received", "accepted")
    assert (status["domain"], status["server"]) == (event["domain"], "web1")
    assert jobs_of(world, "1042") == []
    status = take_events(world, accepted("1042"))
    assert status["waiting_for"] is None and status["id"] == jobs_of(world, "1042")[0].id


def test_an_acceptance_alone_waits_for_the_account(world):
    assert take_events(world, accepted("1042"))["waiting_for"] == "module_created"
    assert take_events(world, created("1042", wait_for_acceptance=True))["id"] is not None


def test_an_acceptance_that_never_comes_is_not_waited_for_unless_asked(world):
    assert take_events(world, created("1042"))["id"] is not None


@pytest.mark.parametrize("order", sorted(set(itertools.permutations(["c", "c", "a", "a"]))), ids="".join)
def test_events_in_any_order_and_twice_make_one_job(world, order):
    events = {"c": created("7", wait_for_acceptance=True), "a": accepted("7")}
    status = take_events(world, *(events[letter] for letter in order))
    assert [job.id for job in jobs_of(world, "7")] == [status["id"]]


def test_events_at_once_make_one_job(world):
    from concurrent.futures import ThreadPoolExecutor

    event = created("7", wait_for_acceptance=True)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(take_events, world, each) for each in [event, accepted("7")] * 4]
    assert {future.result()["service_id"] for future in futures} == {"7"}
    assert len(jobs_of(world, "7")) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"domain": ""}, "domain_invalid"),
        ({"domain": None}, "domain_invalid"),
        ({"domain": "nowhere"}, "domain_invalid"),
        ({"email": "nobody"}, "email_invalid"),
        ({"account": ""}, "order_invalid"),
        ({"account": "root; rm"}, "account_invalid"),
        ({"server_host": "web9.example.net"}, "server_unknown"),
        ({"server_host": ""}, "order_invalid"),
        ({"bundle": "nothing"}, "bundle_unknown"),
    ],
    ids=str,
)
def test_what_no_job_can_be_made_of_is_refused_and_tried_again_when_asked(world, change, code):
    event = created("1042", **change)
    assert refusal(world, event).code == code
    status = world.service.orders.service_status("1042")
    assert (status["state"], status["error"]["code"], status["id"]) == ("failed", code, None)
    with pytest.raises(ShoplaunchError):
        world.service.orders.retry_service("1042", None)
    assert take_events(world, {**event, **{name: created("1042")[name] for name in change}})["error"] is None
    assert len(jobs_of(world, "1042")) == 1


def test_a_server_that_is_added_later_is_found_by_a_retry(world, add_server):
    assert refusal(world, created("1042", server_host="web2.example.net")).code == "server_unknown"
    add_server("web2", "https://web2.example.net:2087")
    status = world.service.orders.retry_service("1042", None)
    assert (status["server"], status["error"], status["state"]) == ("web2", None, "received")


def test_two_servers_of_one_host_name_are_not_guessed_between(world, add_server):
    add_server("reseller", "https://WEB1.example.net")
    error = refusal(world, created("1042"))
    assert error.code == "server_ambiguous" and "reseller and web1" in error.message


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Nora \u202eevil\u202c", "Nora evil"),
        ("\u200fنورا\u200e", "نورا"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ('O&#039;Brien &amp; "Sons"', 'O\'Brien & "Sons"'),
        ("Ana 👩\u200d👩\u200d👧 🎉", "Ana 👩\u200d👩\u200d👧 🎉"),
        ("a\u0000b\r\nBcc: x", "a b Bcc: x"),
        ("\u202e\u200b", None),
        ("x" * 255, "x" * 128),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_names_are_kept_as_people_read_them(world, given, kept):
    take_events(world, created("1042", first_name=given))
    assert jobs_of(world, "1042")[0].order.get("first_name") == kept


def test_an_international_domain_and_an_address_with_a_plus_are_taken(world):
    take_events(world, created("1042", domain="فروشگاه.example", email="nora+shop@example.com"))
    [job] = jobs_of(world, "1042")
    assert job.email == "nora+shop@example.com"
    assert job.domain.startswith("xn--")


def test_a_termination_cancels_what_is_under_way(world):
    take_events(world, created("1042"))
    world.work()
    assert take_events(world, terminated("1042"))["state"] == "cancelled"
    assert take_events(world, terminated("1042"))["state"] == "cancelled"


def test_a_termination_before_anything_else_leaves_nothing_to_start(world):
    assert take_events(world, terminated("1042", at=2000))["state"] == "cancelled"
    assert take_events(world, created("1042", at=1000))["state"] == "cancelled"
    assert take_events(world, accepted("1042"))["state"] == "cancelled"
    assert jobs_of(world, "1042") == []


def test_an_end_reported_late_ends_nothing_of_the_account_made_since(world):
    now = int(world.clock())
    take_events(world, created("1042", at=now - 60))
    assert take_events(world, terminated("1042", at=now - 3600))["state"] == "received"
    assert take_events(world, terminated("1042", at=now))["state"] == "cancelled"


def test_an_end_reported_late_still_ends_what_was_built_in_the_account_before(world):
    now = int(world.clock())
    first = take_events(world, created("1042", at=now - 3600))["id"]
    take_events(world, created("1042", at=now + 60))
    take_events(world, terminated("1042", at=now + 30))
    assert [(job.id, job.state) for job in jobs_of(world, "1042")] == [(first, "cancelled")]


def live(world, service_id):
    take_events(world, created(service_id))
    world.panel.ensure_account(f"a{service_id}", f"shop{service_id}.example.com", create=True, email="x@example.com")
    world.work()
    [job] = jobs_of(world, service_id)
    agent = Agent(world, job)
    agent.restore()
    agent.clean()
    world.serve(job)
    world.work_later(300)
    assert world.job(job).state == "live"
    return job


def test_a_living_shop_is_only_noted_as_ended_and_its_account_may_be_sold_again(world):
    job = live(world, "1042")
    calls = len(world.panel.calls)
    status = take_events(world, terminated("1042"))
    world.work()
    assert (status["state"], status["ended_at"] is not None) == ("live", True)
    assert len(world.panel.calls) == calls
    world.clock.pass_by(60)
    again = take_events(world, created("1042"))
    assert again["id"] != job.id and again["state"] == "received"


@pytest.mark.parametrize("changes", [{}, {"email": "other@example.com"}, {"account": "other"}], ids=str)
def test_a_service_created_again_after_its_end_is_a_new_job_once_the_old_one_is_taken_back(world, changes):
    take_events(world, created("1042"))
    take_events(world, terminated("1042"))
    world.clock.pass_by(60)
    again = created("1042", **changes)
    error = refusal(world, again)
    assert (error.code, error.retryable) == ("service_ending", True)
    world.work()
    status = take_events(world, again)
    assert (status["state"], status["error"]) == ("received", None) and len(jobs_of(world, "1042")) == 2


def test_a_service_created_again_while_another_job_is_under_way_is_refused_permanently(world):
    take_events(world, created("1042"))
    take_events(world, terminated("1042"))
    world.work()
    take_events(world, created("7", account="a1042"))
    world.clock.pass_by(60)
    error = refusal(world, created("1042"))
    assert (error.code, error.retryable) == ("domain_busy", False)


def test_a_job_an_operator_cancelled_is_not_begun_anew_by_a_late_acceptance(world):
    status = take_events(world, created("1042"))
    world.service.jobs.cancel(status["id"])
    world.work()
    assert take_events(world, accepted("1042"))["state"] == "cancelled"
    assert len(jobs_of(world, "1042")) == 1


def test_a_retry_runs_the_failed_step_of_the_services_job(world):
    take_events(world, created("1042"))
    world.work()
    assert world.service.orders.service_status("1042")["error"]["code"] == "account_missing"
    status = world.service.orders.retry_service("1042", None)
    assert (status["state"], status["step"]) == ("preparing", "account")
    # It waits to be run by then: nothing begins anew
    assert world.service.orders.retry_service("1042", None)["attempt"] == status["attempt"]


def test_a_service_that_waits_or_has_ended_is_not_retried(world):
    take_events(world, accepted("1042"))
    with pytest.raises(ShoplaunchError, match="waits for module_created"):
        world.service.orders.retry_service("1042", None)
    take_events(world, terminated("1042"))
    with pytest.raises(ShoplaunchError, match="terminated"):
        world.service.orders.retry_service("1042", None)
    with pytest.raises(ShoplaunchError, match="service_unknown"):
        world.service.orders.retry_service("9", None)


def forget(world, *events):
    """The process that took the last event was killed before it made the job."""
    for event in events:
        billing_events._noted(world.engine, event, world.clock(), Sender(billing_events.SOURCE))
    world.clock.pass_by(health.FORGOTTEN_SECONDS + 1)
    chores.run(world.service.installation)


def test_a_service_created_again_and_forgotten_gets_its_job_though_an_earlier_one_was_cancelled(world):
    first = take_events(world, created("1042"))["id"]
    take_events(world, terminated("1042"))
    world.work()
    assert world.service.jobs.get(first).state == "cancelled"
    world.clock.pass_by(60)
    forget(world, created("1042"))
    assert {job.state for job in jobs_of(world, "1042") if job.id != first} == {"received"}
    chores.run(world.service.installation)
    assert len(jobs_of(world, "1042")) == 2


def test_a_forgotten_service_is_found_behind_many_that_wait(world, monkeypatch):
    monkeypatch.setattr(rows, "MANY", 2)
    for number in "1234":
        take_events(world, created(number, wait_for_acceptance=True))
        world.clock.pass_by(1)
    forget(world, created("5"))
    assert len(jobs_of(world, "5")) == 1


def test_a_service_nobody_can_make_a_job_of_keeps_no_other_from_being_found(world, monkeypatch):
    real = billing_events.start

    def start(engine, service, now):
        if service.service_id == "1":
            raise ValueError("odd")
        return real(engine, service, now)

    monkeypatch.setattr(billing_events, "start", start)
    forget(world, created("1"), created("2"))
    assert jobs_of(world, "1") == [] and len(jobs_of(world, "2")) == 1
