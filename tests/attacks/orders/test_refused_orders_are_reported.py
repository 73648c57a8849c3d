"""The operator is notified of every refused order, once: whatever cannot be delivered, however many workers run."""

import json
import sys
from dataclasses import replace

import pytest

from controller.db.connection.engine import reading, transact
from controller.db.orders import refused_orders as rows
from controller.jobs.intake import chores, orders, refused_orders
from controller.jobs.intake.orders import Sender
from shared.errors import ShoplaunchError, advice, title
from tests.attacks.table import attack
from tests.support.users.mails import mails_of, put_into


def refuse(world, *domains, code="bundle_unknown", by="billing", why="refused by the test"):
    for domain in domains:
        document = {"domain": domain, "bundle": "nothing"}
        error = ShoplaunchError(code, why)
        refused_orders.refuse(world.engine, Sender(refused_orders.API, by), document, error, world.clock())


def alarmed(world):
    return [news.domain for news in world.mail.alarms]


def hindered(world, monkeypatch, hinder):
    """Every alarm meets `hinder(news)` first."""
    real = world.mail.alarm

    def alarm(news):
        hinder(news)
        real(news)

    monkeypatch.setattr(world.mail, "alarm", alarm)


@attack(
    "the operator's mail server refuses the mail about one order", "all others are reported; that one is tried again"
)
def test_a_mail_nobody_takes_holds_up_no_other(world, monkeypatch):
    bad = {"bad.example.com"}

    def refused(news):
        if news.domain in bad:
            raise ShoplaunchError("mail_failed", "the mail server answered 554")

    hindered(world, monkeypatch, refused)
    refuse(world, "bad.example.com", "a.example.com", "b.example.com")
    chores.run(world.service.installation)
    assert alarmed(world) == ["a.example.com", "b.example.com"]
    for number in range(20):
        refuse(world, f"{number}.example.com")
    for _ in range(6):
        world.clock.pass_by(30)
        chores.run(world.service.installation)
    assert alarmed(world) == ["a.example.com", "b.example.com", "20"]
    bad.clear()
    world.clock.pass_by(chores.AGAIN_SECONDS)
    chores.run(world.service.installation)
    assert alarmed(world)[-1] == "bad.example.com"


def away_at_first(number, tries):
    """Return a mail server that fails the first `number` times; what it is given is added to the list `tries`."""

    def take(news):
        tries.append(news.domain)
        if len(tries) <= number:
            raise ShoplaunchError("mail_failed", "no answer")

    return take


@attack(
    "the operator's mail server is away while many orders are refused", "few tries are made in one go, none is lost"
)
def test_a_mail_server_that_is_away_is_not_tried_for_every_order(world, monkeypatch):
    tries = []
    hindered(world, monkeypatch, away_at_first(10, tries))
    refuse(world, *(f"{number}.example.com" for number in range(chores.ALARMS)))
    chores.run(world.service.installation)
    assert len(tries) == chores.FAILURES
    for _ in range(20):
        world.clock.pass_by(30)
        chores.run(world.service.installation)
    assert sorted(alarmed(world)) == sorted(set(tries)) and len(alarmed(world)) == chores.ALARMS


def rounds(world, number):
    for _ in range(number):
        world.clock.pass_by(30)
        chores.run(world.service.installation)


def refusal_mails(world):
    return [one for one in mails_of(world.folder / "mails") if "refused" in one["Message-ID"]]


@attack(
    "a billing system sends hundreds of different orders that are refused",
    "one mail lists them by reason, in the operator's language, without a word of their senders",
)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_many_refused_orders_are_one_mail(world, monkeypatch, language):
    mail = replace(world.service.installation.config.mail, operator_language=language)
    config = replace(world.service.installation.config, mail=mail)
    monkeypatch.setattr(world.service.installation, "config", config)
    put_into(world, monkeypatch, world.folder / "mails")
    refuse(world, *(f"{number}.example.com" for number in range(300)))
    refuse(world, "other.example.com", code="server_unknown")
    refuse(world, "slow.example.com", code="panel_unreachable")
    rounds(world, 9)
    (found,) = refusal_mails(world)
    text = found.get_payload(decode=True).decode()
    with reading(world.engine) as connection:
        numbers = {one.domain: one.id for one in rows.listed(connection, 400)}
    assert all(str(numbers[f"{number}.example.com"]) in text for number in range(300))
    assert "bundle_unknown" in text and "server_unknown" in text and "panel_unreachable" not in text
    assert max(map(len, text.encode().splitlines())) < 998
    assert "example.com" not in text and "by the test" not in text
    assert title("server_unknown", language) in text and advice("server_unknown", language)[:12] in text
    rounds(world, 3)
    # The one that might have resolved itself
    assert len(refusal_mails(world)) == 2
    rounds(world, 3)
    assert len(refusal_mails(world)) == 2


@attack(
    "a worker is killed once the mail that lists refused orders has left; meanwhile more are refused",
    "the mail comes again as the same message, and the one about the others is another",
)
def test_a_list_of_refused_orders_comes_again_as_the_same_message(world, monkeypatch):
    put_into(world, monkeypatch, world.folder / "mails")
    refuse(world, *(f"{number}.example.com" for number in range(9)))
    with monkeypatch.context() as killed:
        killed.setattr(rows, "alarm_delivered", lambda *_about, **_more: sys.exit("killed"))
        chores.run(world.service.installation)
    world.clock.pass_by(rows.CLAIM_SECONDS)
    refuse(world, *(f"other{number}.example.com" for number in range(9)))
    rounds(world, 2)
    first, *later = (one["Message-ID"] for one in refusal_mails(world))
    assert len(later) == len(set(later)) == 2 and later.count(first) == 1


@attack("the mail server is away while hundreds of orders are refused", "the list is tried again, and none is lost")
def test_a_list_of_refused_orders_is_tried_again(world, monkeypatch):
    tries = []
    hindered(world, monkeypatch, away_at_first(3, tries))
    refuse(world, *(f"{number}.example.com" for number in range(200)))
    rounds(world, 12)
    assert tries == ["200"] * 4 and alarmed(world) == ["200"]
    assert world.service.monitoring.health().undelivered.orders == 0


@attack("two workers find the same refused order", "one of them tells of it")
def test_two_workers_report_a_refused_order_once(world, monkeypatch):
    other = []

    def meanwhile(_news):
        if not other:
            other.append(1)
            chores.run(world.service.installation)

    hindered(world, monkeypatch, meanwhile)
    refuse(world, "a.example.com", "b.example.com")
    chores.run(world.service.installation)
    assert sorted(alarmed(world)) == ["a.example.com", "b.example.com"]


@attack("a worker is killed while it tells of a refused order", "another tells of it later")
def test_a_refused_order_whose_notifier_was_killed_is_reported_later(world, monkeypatch):
    tellers = []

    def killed(_news):
        tellers.append(1)
        if len(tellers) == 1:
            raise SystemExit

    hindered(world, monkeypatch, killed)
    refuse(world, "a.example.com")
    chores.run(world.service.installation)
    chores.run(world.service.installation)
    assert len(tellers) == 1
    assert world.service.monitoring.health().undelivered.orders == 1
    world.clock.pass_by(rows.CLAIM_SECONDS)
    chores.run(world.service.installation)
    chores.run(world.service.installation)
    assert alarmed(world) == ["a.example.com"]


@attack("a refused order names words in the place of a domain", "the operator's mail repeats none of them")
def test_words_in_the_place_of_a_domain_are_not_mailed(world):
    refuse(world, "call +1 555 0100 at once", "A.Example.com.")
    chores.run(world.service.installation)
    assert sorted(alarmed(world)) == ["-", "a.example.com"]


def test_an_order_refused_for_another_reason_during_its_alarm_is_reported_again(world, monkeypatch):
    def meanwhile(_news):
        if not alarmed(world):
            refuse(world, "a.example.com", code="server_unknown")

    hindered(world, monkeypatch, meanwhile)
    refuse(world, "a.example.com")
    chores.run(world.service.installation)
    chores.run(world.service.installation)
    chores.run(world.service.installation)
    assert [news.code for news in world.mail.alarms] == ["bundle_unknown", "server_unknown"]


@attack(
    "a worker is killed once the mail about a refused order has left; the order is refused for another reason",
    "the mail comes again as the same message, and the one about the other reason is another",
)
def test_the_mail_about_another_reason_is_another_message(world, monkeypatch):
    put_into(world, monkeypatch, world.folder / "mails")
    refuse(world, "a.example.com")
    with monkeypatch.context() as killed:
        killed.setattr(rows, "alarm_delivered", lambda *_about, **_more: sys.exit("killed"))
        chores.run(world.service.installation)
    world.clock.pass_by(rows.CLAIM_SECONDS)
    chores.run(world.service.installation)
    refuse(world, "a.example.com", why="refused for another reason")
    chores.run(world.service.installation)
    found = [one["Message-ID"] for one in mails_of(world.folder / "mails")]
    first, again, other = (one for one in found if "refused" in one)
    assert first == again != other


@attack(
    "an order is refused for one reason, then for another, and for the first one again, within one second",
    "the operator gets three mails, the last after an hour: none counts as a repetition of another",
)
def test_a_reason_that_comes_back_is_another_message(world, monkeypatch):
    put_into(world, monkeypatch, world.folder / "mails")
    for why in ("one reason", "another", "one reason", "one reason"):
        refuse(world, "a.example.com", why=why)
        chores.run(world.service.installation)
    world.clock.pass_by(rows.APART_SECONDS)
    chores.run(world.service.installation)
    found = [one["Message-ID"] for one in mails_of(world.folder / "mails") if "refused" in one["Message-ID"]]
    assert len(found) == len(set(found)) == 3
    with reading(world.engine) as connection:
        (order,) = rows.listed(connection, 2)
    assert (order.reason, order.tries, order.error) == (3, 4, ShoplaunchError("bundle_unknown", "one reason").as_dict())


def refused_by_turns(world, code, seconds):
    """Refuse one order each minute for `seconds`, alternately for two reasons."""
    for turn in range(round(seconds / 60)):
        refuse(world, "a.example.com", code=code, why=("one reason", "another")[turn % 2])
        for _ in range(2):
            world.clock.pass_by(30)
            chores.run(world.service.installation)


@attack(
    "a server fails now like this and now like that, so that an order is refused for another reason at each try",
    "no reason puts the alarm off that the one before was to raise",
)
def test_reasons_by_turns_put_no_alarm_off(world):
    refused_by_turns(world, "panel_unreachable", rows.GRACE_SECONDS + 60)
    assert alarmed(world) == ["a.example.com"]


@attack(
    "a billing system sends an order again and again that is refused for another reason each time",
    "of the third reason, and all that follow, the operator hears once an hour",
)
@pytest.mark.parametrize("code", ["bundle_unknown", "panel_unreachable"])
def test_reasons_by_turns_alarm_once_an_hour(world, code):
    refused_by_turns(world, code, 3 * rows.APART_SECONDS)
    assert 3 <= len(alarmed(world)) <= 5


def test_a_row_of_an_earlier_version_has_its_first_reason(world):
    refuse(world, "a.example.com")
    error = ShoplaunchError("bundle_unknown", "refused by the test").as_dict()
    with world.engine.begin() as connection:
        connection.execute(rows.table.update().values(error=json.dumps(error, sort_keys=True), alarm="told"))
    refuse(world, "a.example.com")
    with reading(world.engine) as connection:
        (order,) = rows.listed(connection, 2)
    assert (order.reason, order.error, order.alarm) == (1, error, "told")


@attack("an order comes while its service is still being taken back", "no alarm when billing's next try succeeds")
@pytest.mark.parametrize("resolved", [True, False])
def test_a_refusal_that_resolves_itself_is_reported_only_when_it_lasts(world, resolved):
    refuse(world, "a.example.com", code="service_ending")
    chores.run(world.service.installation)
    world.clock.pass_by(rows.GRACE_SECONDS - 1)
    refuse(world, "a.example.com", code="service_ending")
    chores.run(world.service.installation)
    assert alarmed(world) == []
    if resolved:
        which = rows.of_order("a.example.com", None, None)
        transact(world.engine, lambda connection: rows.settle(connection, which, rows.JOB, world.clock(), None))
    world.clock.pass_by(1)
    chores.run(world.service.installation)
    assert alarmed(world) == ([] if resolved else ["a.example.com"])


@attack(
    "billing sends orders without end that differ each time and are refused",
    "so many rows stay open, the rest is counted",
)
def test_the_open_rows_of_a_key_are_bounded(world, monkeypatch):
    monkeypatch.setattr(rows, "OPEN_ROWS", 3)
    for number in range(10):
        refuse(world, f"{number}.example.com")
        world.clock.pass_by(1)
    refuse(world, "other.example.com", by="other")
    with reading(world.engine) as connection:
        found = rows.listed(connection, 100)
    assert [(one.domain, one.tries) for one in found] == [
        ("other.example.com", 1), ("2.example.com", 8), ("1.example.com", 1), ("0.example.com", 1),
    ]  # fmt: skip
    rows_over = rows.of_order("0.example.com", None, None)
    transact(world.engine, lambda connection: rows.settle(connection, rows_over, rows.DISMISSED, world.clock(), None))
    refuse(world, "new.example.com")
    with reading(world.engine) as connection:
        assert rows.listed(connection, 1)[0].domain == "new.example.com"


@attack("looking for forgotten orders fails by what nobody foresaw", "refused orders are reported all the same")
def test_what_belongs_to_no_job_fails_apart(world, monkeypatch, caplog):
    def odd(*_given):
        raise ValueError("odd")

    monkeypatch.setattr(chores.health, "forgotten", odd)
    refuse(world, "a.example.com")
    chores.run(world.service.installation)
    assert alarmed(world) == ["a.example.com"] and "start_forgotten" in caplog.text


@attack(
    "a request is refused, and so slow that the order was sent again and taken before its refusal is stored",
    "no refusal is left of an order that has its job; that of another service is reported",
)
def test_a_refusal_that_comes_after_the_job_is_not_stored(world):
    sender, came = Sender(refused_orders.API, "billing"), world.clock()
    order = {"server": "web1", "bundle": "classic", "domain": "a.example.com", "email": "owner@example.com",
             "account": "alice", "create_account": True}  # fmt: skip
    orders.place(world.engine, {**order, "service_id": "77"}, sender, came)
    for service, code in (("77", "bundle_unknown"), ("78", "domain_busy")):
        late = ShoplaunchError(code, "refused by the test")
        refused_orders.refuse(world.engine, sender, {**order, "service_id": service}, late, came)
    with reading(world.engine) as connection:
        assert [one.service_id for one in rows.listed(connection, 9)] == ["78"]


def test_a_job_decides_over_the_dismissal_of_its_own_order_alone(world):
    sender, order = Sender(refused_orders.API, "billing"), {"domain": "a.example.com", "bundle": "nothing"}
    for service in ("77", "78", None):
        document = {**order, "service_id": service} if service else order
        refused_orders.refuse(
            world.engine, sender, document, ShoplaunchError("bundle_unknown", "refused"), world.clock()
        )
    with reading(world.engine) as connection:
        numbers = [one.id for one in rows.listed(connection, 9)]
    for number in numbers:
        transact(world.engine, lambda connection, number=number: rows.dismiss(connection, number, world.clock()))
    taken = {**order, "server": "web1", "bundle": "classic", "email": "owner@example.com", "account": "alice"}
    job = orders.place(world.engine, {**taken, "service_id": "77"}, sender, world.clock())
    with reading(world.engine) as connection:
        found = {one.service_id: (one.settled, one.job) for one in rows.listed(connection, 9, settled=True)}
    assert found == {"77": ("job", job.id), "78": ("dismissed", None), None: ("dismissed", None)}
