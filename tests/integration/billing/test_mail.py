"""Mail to clients and operators, sent to a real SMTP server or put into a folder."""

import email
import email.policy
import functools
import re
import smtplib
import socket
import stat
import threading

import pytest
from aiosmtpd.controller import Controller

from controller.billing.base import Alarm, Handover
from controller.billing.mail import Mail
from controller.network import smtp
from controller.network.exchange import Exchange
from controller.panels.local.private_stack.stack import free_port
from controller.settings.sections import MailConfig
from shared.errors import ShoplaunchError
from tests.support.clock import Clock

NEWS = Handover(
    job="job00001", domain="shop.example.com", email="client@example.com", first_name="Alice", language="en",
    shop_url="http://shop.example.com/", admin_url="http://shop.example.com/admin7/", login="client@example.com",
    password="Pa$$w0rd${domain}",
)  # fmt: skip
TROUBLE = Alarm(
    job="job00001", domain="shop.example.com", server="web1", state="failed", step="php", code="panel_refused",
    message="no such PHP", advice="Install one.", admin_url="http://127.0.0.1:8000/admin/jobs/job00001",
)  # fmt: skip


class Sink:
    """A real SMTP server on a port of its own; `answers` says what it thinks of recipients and messages.

    It takes `pause` seconds of `clock` for each step; `greeted` are the names its callers gave.
    """

    def __init__(self):
        self.received, self.answers = [], {"rcpt": None, "data": "250 OK"}
        self.clock, self.pause, self.greeted = Clock(), 0, []
        self.port = free_port()
        self.server = Controller(
            self, hostname="127.0.0.1", port=self.port, ready_timeout=120, server_hostname="mail.example.com"
        )
        self.server.start()

    async def handle_EHLO(self, _server, session, _envelope, name, responses):
        session.host_name = name
        self.greeted.append(name)
        self.clock.pass_by(self.pause)
        return responses

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        self.clock.pass_by(self.pause)
        if self.answers["rcpt"]:
            return self.answers["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):
        self.clock.pass_by(self.pause)
        if self.answers["data"].startswith("250"):
            self.received.append((envelope.rcpt_tos, envelope.content))
        return self.answers["data"]


@pytest.fixture
def sink():
    made = Sink()
    yield made
    made.server.stop()


def mail(sink, **changes):
    return Mail(MailConfig(**{"host": "127.0.0.1", "port": sink.port, "sender": "shops@example.com", **changes}))


def parsed(content):
    return email.message_from_bytes(content, policy=email.policy.default)


def changed(news, **changes):
    return type(news)(**{**vars(news), **changes})


def failure(call, news):
    with pytest.raises(ShoplaunchError) as caught:
        call(news)
    assert caught.value.code == "mail_failed" and caught.value.retryable
    return caught.value.message


def test_the_client_gets_shop_back_office_login_and_password(sink):
    mail(sink).hand_over(NEWS)
    [(recipients, content)] = sink.received
    message = parsed(content)
    assert recipients == ["client@example.com"]
    assert (message["From"], message["To"]) == ("shops@example.com", "client@example.com")
    assert message["Subject"] == "Your shop shop.example.com is ready"
    text = message.get_content()
    for wanted in (NEWS.shop_url, NEWS.admin_url, NEWS.login, "Hello Alice"):
        assert wanted in text


def test_a_password_arrives_letter_by_letter_even_when_it_looks_like_a_template(sink):
    mail(sink).hand_over(NEWS)
    assert re.search(r"^Password: (\S+)\s*$", parsed(sink.received[0][1]).get_content(), re.M)[1] == NEWS.password


def test_a_persian_client_reads_persian_and_can_copy_the_addresses(sink):
    mail(sink).hand_over(changed(NEWS, language="fa", first_name="نرگس"))
    message = parsed(sink.received[0][1])
    assert message["Subject"] == "فروشگاه shop.example.com آماده است"
    text = message.get_content()
    assert "سلام نرگس" in text and NEWS.admin_url in text and NEWS.password in text


def test_a_language_without_a_translation_gets_english(sink):
    mail(sink).hand_over(changed(NEWS, language="de"))
    assert "Your shop" in parsed(sink.received[0][1])["Subject"]


def test_the_operator_is_notified_of_what_happened_and_what_to_do(sink):
    mail(sink, operator="op@example.com").alarm(TROUBLE)
    [(recipients, content)] = sink.received
    text = parsed(content).get_content()
    assert recipients == ["op@example.com"]
    for wanted in ("panel_refused", "no such PHP", "Install one.", "php", TROUBLE.admin_url):
        assert wanted in text


def test_without_an_operators_address_nobody_counts_as_notified(sink):
    with pytest.raises(ShoplaunchError) as caught:
        mail(sink).alarm(TROUBLE)
    assert (caught.value.code, caught.value.retryable, sink.received) == ("operator_missing", True, [])


def test_no_message_can_add_headers_or_recipients(sink):
    mail(sink, operator="op@example.com").alarm(changed(TROUBLE, code="x\r\nBcc: thief@example.com"))
    [(recipients, content)] = sink.received
    assert recipients == ["op@example.com"]
    assert parsed(content)["Bcc"] is None


@pytest.mark.parametrize(
    ("place", "answer"),
    [("rcpt", "550 no such user"), ("rcpt", "451 try later"), ("data", "552 full"), ("data", "421 closing")],
)
def test_a_refusal_is_a_failure_that_may_pass_and_reveals_no_password(sink, place, answer):
    sink.answers[place] = answer
    message = failure(mail(sink).hand_over, NEWS)
    assert NEWS.password not in message
    assert sink.received == []


def test_a_server_that_takes_its_time_for_every_step_gets_the_message_once(sink, monkeypatch):
    monkeypatch.setattr(smtp, "Exchange", functools.partial(Exchange, clock=sink.clock))
    sink.pause = 25
    mail(sink).hand_over(NEWS)
    assert len(sink.received) == 1


def test_a_server_that_takes_its_time_without_end_is_given_up(sink, monkeypatch):
    monkeypatch.setattr(smtp, "Exchange", functools.partial(Exchange, clock=sink.clock))
    sink.pause = 200
    assert "no whole answer" in failure(mail(sink).hand_over, NEWS)


def test_time_that_is_over_before_the_next_command_is_sent_is_named(sink, monkeypatch):
    def late(conversation, message):
        sink.clock.pass_by(10_000)
        return of_library(conversation, message)

    of_library = smtplib.SMTP.data
    monkeypatch.setattr(smtp, "Exchange", functools.partial(Exchange, clock=sink.clock))
    monkeypatch.setattr(smtplib.SMTP, "data", late)
    assert "no whole answer" in failure(mail(sink).hand_over, NEWS)


def test_the_server_is_greeted_by_this_machines_full_name(sink, monkeypatch):
    monkeypatch.setattr("socket.getfqdn", lambda *_: "controller.example.com")
    mail(sink).hand_over(NEWS)
    assert sink.greeted == ["controller.example.com"]


@pytest.mark.parametrize("is_silent", [False, True], ids=["no full name", "silent name servers"])
def test_without_a_full_name_the_server_is_greeted_by_the_address(sink, monkeypatch, is_silent):
    over = threading.Event()

    def name(*_):
        assert not is_silent or over.wait(60)
        return "controller"

    monkeypatch.setattr(smtp, "NAME_SECONDS", 0.2 if is_silent else 60)
    monkeypatch.setattr("socket.getfqdn", name)
    try:
        mail(sink).hand_over(NEWS)
    finally:
        over.set()
    assert sink.greeted == ["[127.0.0.1]"]


def test_a_server_that_is_not_there_is_a_failure_that_may_pass():
    with socket.socket() as taken:
        # Bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        failure(Mail(MailConfig(host="127.0.0.1", port=taken.getsockname()[1])).hand_over, NEWS)


def test_a_server_without_tls_never_gets_the_mail_where_tls_is_asked_for(sink):
    failure(mail(sink, starttls=True).hand_over, NEWS)
    assert sink.received == []


def test_mail_into_a_folder_is_for_its_owner_alone(tmp_path):
    Mail(MailConfig(folder=str(tmp_path / "mail"))).hand_over(NEWS)
    [path] = (tmp_path / "mail").glob("*.eml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert NEWS.password in parsed(path.read_bytes()).get_content()
    # A program that reads the file as text finds the password as it is
    assert f"Password: {NEWS.password}" in path.read_text("utf-8")


def test_a_folder_that_cannot_be_made_is_a_failure_that_may_pass(tmp_path):
    (tmp_path / "file").touch()
    failure(Mail(MailConfig(folder=str(tmp_path / "file" / "mail"))).hand_over, NEWS)


def test_the_password_shows_in_no_representation():
    assert NEWS.password not in repr(NEWS)


def test_a_message_sent_again_because_its_arrival_is_unknown_is_the_same_message(sink):
    mail(sink).hand_over(NEWS)
    mail(sink).hand_over(NEWS)
    mail(sink).hand_over(changed(NEWS, job="another1"))
    first, again, other = (parsed(content)["Message-ID"] for _recipients, content in sink.received)
    assert first == again != other


def test_an_alarm_sent_again_is_the_same_message_and_the_next_alarm_another(sink):
    operator = mail(sink, operator="operator@example.com")
    for number, code in (("1", "db_error"), ("1", "db_error"), ("1", "disk_full"), ("2", "db_error"), ("", "db_error")):
        operator.alarm(changed(TROUBLE, number=number, code=code))
    operator.alarm(changed(TROUBLE, job="refused-<1>", number="1", code="no code"))
    found = [parsed(content)["Message-ID"] for _recipients, content in sink.received]
    assert found[0] == found[1] and len(set(found)) == 5
    assert all(re.fullmatch(r"<[A-Za-z0-9._-]+@example\.com>", one) for one in found)
