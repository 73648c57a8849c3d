"""Orders of billing from the first event to the client's mail, with a WHMCS that may be away."""

import email
import email.policy
from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.billing.whmcs.changes import SLOW_SECONDS
from controller.jobs.shop import credentials, notifications
from controller.jobs.shop.notifications import DELAY_SECONDS
from shared.errors import ShoplaunchError
from tests.integration.billing.events import accepted, created, terminated
from tests.support.worlds.world import Agent, place


def subjects(whmcs):
    return [mail["subject"] for mail in whmcs.books.mails]


@pytest.mark.parametrize("billed_world", ["sqlite", "mariadb"], indirect=True)
def test_a_client_hears_of_the_beginning_and_of_the_end_through_whmcs_alone(billed_world, whmcs):
    job = billed_world.begin()
    assert subjects(whmcs) == ["Received: shop1042.example.com"]
    assert billed_world.remembered(job)["ticket"]["id"] == whmcs.books.tickets[0]["id"]
    billed_world.finish(job)
    assert subjects(whmcs)[1:] == ["Ready: shop1042.example.com"]
    [ticket] = whmcs.books.tickets
    assert len(ticket["replies"]) == 2 and ticket["notes"] == []
    assert billed_world.clients_mail() == [] and billed_world.operators_mail() == []
    status = billed_world.service.orders.service_status("1042")
    assert {step["name"]: step["state"] for step in status["steps"]}["unblock"] == "done"


def test_people_read_an_international_domain_as_it_is_written_and_links_keep_the_form_of_the_net(billed_world, whmcs):
    job = billed_world.begin(domain="فروشگاه.example", language="fa")
    billed_world.finish(job)
    [ticket] = whmcs.books.tickets
    assert "فروشگاه.example" in ticket["subject"] and "xn--" not in ticket["subject"]
    assert [mail["subject"] for mail in whmcs.books.mails] == ["Received: فروشگاه.example", "Ready: فروشگاه.example"]
    assert f"http://{job.domain}" in ticket["replies"][1]["message"] and job.domain.startswith("xn--")
    assert f"http://{job.domain}" in whmcs.books.mails[1]["message"]


def test_the_plain_mail_names_an_international_domain_as_it_is_written(billed_world):
    job = billed_world.live(domain="فروشگاه.example", first_name="")
    [letter] = billed_world.clients_mail()
    message = email.message_from_string(letter, policy=email.policy.default)
    assert "فروشگاه.example" in message["Subject"]
    assert "Hello فروشگاه.example" in letter and f"http://{job.domain}" in letter


def test_clients_of_orders_of_the_command_line_are_still_notified_by_mail(billed_world, whmcs):
    billed_world.live()
    assert len(billed_world.clients_mail()) == 1
    assert whmcs.calls == []


def test_the_shop_does_not_wait_for_a_whmcs_that_is_away_and_the_client_is_notified_later(billed_world, whmcs):
    whmcs.moods = {"*": ["html"] * 500}
    job = billed_world.finish(billed_world.begin())
    assert whmcs.books.tickets == [] and billed_world.steps(job)["notify"].state == "waiting"
    whmcs.moods = {}
    billed_world.work_later(1000, stride=100)
    assert billed_world.steps(job)["notify"].state == "done"
    assert subjects(whmcs) == ["Received: shop1042.example.com", "Ready: shop1042.example.com"]
    assert len(whmcs.books.tickets) == 1 and len(whmcs.books.tickets[0]["replies"]) == 2


def test_the_beginning_is_announced_when_whmcs_is_back_in_time(billed_world, whmcs):
    whmcs.moods = {"*": ["html"] * 3}
    billed_world.begin()
    assert whmcs.books.tickets == []
    billed_world.work_later(900, stride=30)
    assert subjects(whmcs)[0] == "Received: shop1042.example.com" and len(whmcs.books.tickets) == 1


def test_a_missing_template_never_stops_the_shop_and_the_operator_hears_of_it(billed_world, whmcs):
    whmcs.books.templates.clear()
    job = billed_world.finish(billed_world.begin())
    assert (
        notifications.given_up_code(job) == "whmcs_template"
        and notifications.ticket(job) == whmcs.books.tickets[0]["tid"]
    )
    assert billed_world.job(job).error["code"] == "whmcs_template"
    assert "whmcs_template" in billed_world.operators_mail()[0]
    from tests.fakes.whmcs.books import standard_templates

    whmcs.books.templates = standard_templates()
    billed_world.service.orders.retry_service("1042", None)
    billed_world.work()
    assert billed_world.job(job).error is None
    assert subjects(whmcs) == ["Received: shop1042.example.com", "Ready: shop1042.example.com"]
    assert len(whmcs.books.tickets[0]["replies"]) == 2


def test_a_failure_is_a_note_for_staff_and_the_client_hears_of_the_delay_once(billed_world, whmcs):
    job = billed_world.begin()
    Agent(billed_world, job).fail("disk_space")
    billed_world.work()
    [ticket] = whmcs.books.tickets
    assert "disk_space" in ticket["notes"][0]["message"] and len(ticket["replies"]) == 1
    assert len(billed_world.operators_mail()) == 1
    billed_world.work_later(DELAY_SECONDS - 60, stride=60)
    assert len(subjects(whmcs)) == 1
    billed_world.work_later(3 * DELAY_SECONDS, stride=60)
    assert subjects(whmcs)[1:] == ["Delayed: shop1042.example.com"]
    billed_world.service.orders.retry_service("1042", None)
    billed_world.work()
    billed_world.finish(job)
    assert subjects(whmcs)[2:] == ["Ready: shop1042.example.com"] and len(whmcs.books.tickets) == 1


def test_a_failure_that_is_fixed_in_time_is_no_delay(billed_world, whmcs):
    job = billed_world.begin()
    Agent(billed_world, job).fail("disk_space")
    billed_world.work_later(60, stride=30)
    billed_world.service.orders.retry_service("1042", None)
    billed_world.work()
    billed_world.finish(job)
    billed_world.work_later(2 * DELAY_SECONDS, stride=60)
    assert "Delayed: shop1042.example.com" not in subjects(whmcs)


@pytest.mark.parametrize("billed_world", ["sqlite", "mariadb"], indirect=True)
def test_an_acceptance_that_comes_twice_at_once_and_again_later_makes_nothing_twice(billed_world, whmcs):
    event = created("1042", wait_for_acceptance=True)
    billed_world.panel.ensure_account(event["account"], event["domain"], create=True, email="x@example.com")
    take = billed_world.service.orders.take_event
    whmcs.moods = {"OpenTicket": ["cut"], "SendEmail": ["cut", "", "cut"], "AddTicketReply": ["cut"]}
    take(event)
    with ThreadPoolExecutor(4) as pool:
        answered = [one.result()["service_id"] for one in [pool.submit(take, accepted("1042")) for _ in range(4)]]
    assert answered == ["1042"] * 4
    (job,) = billed_world.service.jobs.listed()
    billed_world.work()
    take(accepted("1042"))
    billed_world.work_later(600, stride=20)
    billed_world.finish(job)
    take(accepted("1042"))
    billed_world.work_later(2000, stride=100)
    assert [one.id for one in billed_world.service.jobs.listed()] == [job.id]
    assert len(billed_world.panel.databases) == 1
    assert len(whmcs.books.tickets) == 1 and len(whmcs.books.tickets[0]["replies"]) == 2
    assert subjects(whmcs) == ["Received: shop1042.example.com", "Ready: shop1042.example.com"]


def test_answers_lost_all_along_the_way_make_nothing_twice(billed_world, whmcs):
    whmcs.moods = {"OpenTicket": ["cut", "cut"], "SendEmail": ["cut", "", "cut"], "AddTicketReply": ["cut"]}
    job = billed_world.begin()
    billed_world.work_later(600, stride=20)
    billed_world.finish(job)
    billed_world.work_later(2000, stride=100)
    assert billed_world.steps(job)["notify"].state == "done"
    assert len(whmcs.books.tickets) == 1 and len(whmcs.books.tickets[0]["replies"]) == 2
    assert subjects(whmcs) == ["Received: shop1042.example.com", "Ready: shop1042.example.com"]


@pytest.mark.sampled(of=2, each=("action",))
@pytest.mark.parametrize("action", ["SendEmail", "OpenTicket", "AddTicketReply"])
@pytest.mark.parametrize("mood", ["cut", "html", "http500", "broken"])
def test_one_lost_answer_takes_no_news_from_the_client_of_a_fast_shop(billed_world, whmcs, action, mood):
    whmcs.moods = {action: [mood]}
    job = billed_world.begin()
    agent = Agent(billed_world, billed_world.job(job))
    agent.restore()
    agent.clean()
    billed_world.serve(job)
    billed_world.work()
    assert billed_world.job(job).state == "live"
    # Long before the third repetition, which would come after minutes; a call whose connection broke may still go on
    billed_world.work_later(SLOW_SECONDS + 60 if mood == "broken" else 60, stride=15 if mood == "broken" else 1)
    assert billed_world.steps(job)["notify"].state == "done"
    assert subjects(whmcs) == ["Received: shop1042.example.com", "Ready: shop1042.example.com"]
    [ticket] = whmcs.books.tickets
    assert len(ticket["replies"]) == 2 and billed_world.operators_mail() == []


def test_the_ticket_reports_the_end_also_when_the_client_was_faster_with_the_mailed_link(billed_world, whmcs):
    whmcs.moods = {"AddTicketReply": ["html"]}
    job = billed_world.begin()
    agent = Agent(billed_world, billed_world.job(job))
    agent.restore()
    agent.clean()
    billed_world.serve(job)
    billed_world.work()
    nonce = billed_world.job(job).facts["credentials"]["nonce"]
    assert credentials.show(billed_world.engine, billed_world.keys, job.id, nonce, billed_world.clock())
    billed_world.work_later(60, stride=1)
    assert billed_world.steps(job)["notify"].state == "done"
    [_opened, ready] = whmcs.books.tickets[0]["replies"]
    assert "/credentials/" not in ready["message"] and "Password" not in ready["message"]
    assert len(whmcs.books.mails) == 2


def test_nothing_is_sent_about_a_shop_whose_service_has_ended(billed_world, whmcs):
    whmcs.moods = {"*": ["html"] * 500}
    job = billed_world.finish(billed_world.begin())
    billed_world.service.orders.take_event(terminated("1042"))
    whmcs.moods = {}
    billed_world.work_later(5000, stride=500)
    assert whmcs.books.mails == [] and billed_world.steps(job)["notify"].state == "skipped"
    assert billed_world.job(job).secrets_encrypted is None


def test_an_order_that_waits_for_acceptance_is_announced_when_it_begins(billed_world, whmcs):
    billed_world.service.orders.take_event(created("1042", wait_for_acceptance=True))
    billed_world.work()
    assert whmcs.calls == []
    billed_world.panel.ensure_account("a1042", "shop1042.example.com", create=True, email="x@example.com")
    billed_world.service.orders.take_event(accepted("1042"))
    billed_world.work()
    assert subjects(whmcs) == ["Received: shop1042.example.com"]


def test_the_password_alone_waits_encrypted_until_it_is_shown(billed_world, whmcs):
    job = billed_world.finish(billed_world.begin())
    kept = credentials.private_values(billed_world.keys, job)
    assert list(kept) == ["admin.password"]
    for text in (str(dict(job.facts)), *(mail["message"] for mail in whmcs.books.mails), str(whmcs.raw)):
        assert kept["admin.password"] not in text
    nonce = job.facts["credentials"]["nonce"]
    show = credentials.show(billed_world.engine, billed_world.keys, job.id, nonce, billed_world.clock())
    assert show == kept["admin.password"]
    assert credentials.show(billed_world.engine, billed_world.keys, job.id, nonce, billed_world.clock()) is None
    assert billed_world.job(job).secrets_encrypted is None


def test_a_password_nobody_looked_at_is_erased_after_seven_days(billed_world):
    job = billed_world.finish(billed_world.begin())
    billed_world.work_later(6.9 * 86400, stride=40_000)
    assert billed_world.job(job).secrets_encrypted is not None
    billed_world.work_later(0.2 * 86400, stride=10_000)
    assert billed_world.job(job).secrets_encrypted is None


def test_with_mail_the_password_is_in_the_mail_and_nowhere_after(billed_world, whmcs, settings):
    billed_world.configure(settings(credentials="mail"))
    job = billed_world.begin()
    password = credentials.private_values(billed_world.keys, job)["admin.password"]
    job = billed_world.finish(job)
    assert password in whmcs.books.mails[-1]["message"] and job.secrets_encrypted is None
    assert "credentials" not in job.facts


def test_notifying_again_after_a_crash_offers_the_same_link(billed_world, whmcs):
    job = billed_world.finish(billed_world.begin())
    nonce = job.facts["credentials"]["nonce"]
    billed_world.service.jobs.retry(job.id, "notify")
    billed_world.work()
    assert billed_world.job(job).facts["credentials"]["nonce"] == nonce
    assert len(whmcs.books.mails) == 2 and len(whmcs.books.tickets[0]["replies"]) == 2


JOBS = {
    "set_admin_password": {
        "statements": [{"sql": "UPDATE ps_employee SET passwd = %s", "params": [place("admin.password_hash")]}],
        "edits": [],
    }
}


def test_with_set_the_client_chooses_and_no_password_is_kept(billed_world, whmcs, settings):
    billed_world.configure(settings(credentials="set"))
    billed_world.add_bundle("later", jobs=JOBS)
    job = billed_world.finish(billed_world.begin(bundle="later"))
    assert job.secrets_encrypted is None and job.facts["credentials"]["mode"] == "set"
    assert "Choose your password" in whmcs.books.tickets[0]["replies"][1]["message"]
    nonce = job.facts["credentials"]["nonce"]
    assert billed_world.service.clients.choose_password(job, nonce, "correct horse battery")
    assert not billed_world.service.clients.choose_password(job, nonce, "something else here")
    billed_world.work()
    [child] = billed_world.service.jobs.follow_ups(job.id)
    assert child.state == "dropped" and billed_world.service.clients.password_progress(job) == "setting"
    # A follow-up job is no order: nothing is announced
    assert len(whmcs.books.tickets) == 1 and len(whmcs.books.mails) == 2
    billed_world.service.orders.take_event(terminated("1042"))
    assert billed_world.job(child).state == "cancelled"
    # Until it is taken back nothing new is put into the account
    billed_world.clock.pass_by(1)
    with pytest.raises(ShoplaunchError) as caught:
        billed_world.service.orders.take_event(created("1042"))
    assert caught.value.code == "service_ending"


def test_with_set_a_shop_that_cannot_take_one_later_shows_its_password(billed_world, settings):
    billed_world.configure(settings(credentials="set"))
    job = billed_world.finish(billed_world.begin())
    assert job.facts["credentials"]["mode"] == "link" and job.secrets_encrypted is not None


def test_a_password_that_waits_is_forgotten_when_the_shop_gets_another(billed_world):
    billed_world.add_bundle("later", jobs=JOBS)
    job = billed_world.finish(billed_world.begin(bundle="later"))
    assert credentials.state(job, billed_world.clock()) == credentials.WAITING
    billed_world.service.jobs.start_follow_up(job.id, "set_admin_password", {"admin.password": "correct horse battery"})
    job = billed_world.job(job)
    assert job.secrets_encrypted is None and credentials.state(job, billed_world.clock()) == credentials.GONE


def test_the_failure_of_a_follow_up_job_reaches_the_operator(billed_world, whmcs):
    billed_world.add_bundle("later", jobs=JOBS)
    job = billed_world.finish(billed_world.begin(bundle="later"))
    child = billed_world.service.jobs.start_follow_up(
        job.id, "set_admin_password", {"admin.password": "correct horse battery"}
    )
    billed_world.work()
    Agent(billed_world, billed_world.job(child)).fail("db_access_denied")
    billed_world.work()
    assert "db_access_denied" in billed_world.operators_mail()[-1]
    assert whmcs.books.tickets[0]["notes"] == []


def test_a_note_counts_as_notified_without_an_operator_and_the_client_hears_of_the_delay(billed_world, whmcs):
    billed_world.configure(billed_world.config.whmcs, operator=None)
    job = billed_world.begin()
    Agent(billed_world, job).fail("disk_space")
    billed_world.work()
    assert len(whmcs.books.tickets[0]["notes"]) == 1
    assert billed_world.job(job).alarm == "told" and billed_world.service.monitoring.undelivered_alarms() == []
    asked = len(whmcs.calls)
    billed_world.work_later(DELAY_SECONDS - 60, stride=60)
    assert len(whmcs.calls) == asked
    billed_world.work_later(120, stride=60)
    assert subjects(whmcs)[1:] == ["Delayed: shop1042.example.com"]
