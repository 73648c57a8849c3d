"""A key of a billing system does what it was made for: other servers, bundles, operations and floods are refused."""

import json
import uuid

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller.cli import main
from controller.db import jobs
from controller.db.connection.engine import reading, transact
from controller.db.orders.request_log import RequestLog
from shared.errors import ShoplaunchError, advice
from tests.attacks.table import attack
from tests.integration.billing.events import created, terminated
from tests.support.clock import Clock
from tests.support.worlds.web_site import an_order

pytestmark = pytest.mark.usefixtures("nothing_is_refused")

ORDERS = "/api/v1/orders"


def command(site, *words, code=0):
    done = CliRunner().invoke(main, ["key", *words], env=site.environment)
    assert done.exit_code == code, done.output
    return done.output if code else done.stdout


@pytest.fixture
def key(site):
    """Make a key with the given options; return (name, what sends requests it signed)."""

    def make(*options):
        name = f"k{uuid.uuid4().hex[:8]}"
        secret = json.loads(command(site, "add", name, *options, "--json"))["secret"]

        def ask(method, path, document=None):
            body = b"" if document is None else json.dumps(document).encode()
            return site.signed(method, path, body, key=name, secret=secret)

        return name, ask

    return make


def number():
    return uuid.uuid4().hex[:10]


def event(service_id):
    place = f"{service_id}.example.com"
    return created(service_id, server_host="web-1", bundle="boutique", domain=place, account=f"a{service_id}")


def is_forbidden(answer, what):
    assert (answer.status_code, answer.json()["code"]) == (422, "key_forbidden"), answer.text
    assert what in answer.json()["message"]


LIMITS = {
    "another server": (("--server", "web-2"), {}, "server web-1"),
    "another bundle": (("--bundle", "other"), {}, "bundle boutique"),
    "an account": (("--may", "retry"), {"create_account": True}, "create_account"),
    "a document root": (("--may", "nothing"), {"options": {"occupied": "move"}}, "occupied"),
}


@pytest.fixture(scope="module", autouse=True)
def more_to_order(site):
    """There is a second server and a second bundle."""
    from dataclasses import replace

    from controller.db import bundles
    from controller.db.machines import servers

    def work(connection):
        servers.add(
            connection, replace(servers.get(connection, "web-1"), name="web-2", url="https://other.example"), 1.0
        )
        bundles.add(connection, replace(bundles.get(connection, "boutique"), name="other"))

    transact(site.service.installation.engine, work)


@attack(
    "a billing orders for a server or bundle that is not its own, an account, or what stands in somebody's way",
    "it is refused with the reason, and the refused order is seen",
)
@pytest.mark.parametrize("what", LIMITS)
def test_what_a_key_may_not_order_is_refused(site, key, what):
    options, more, said = LIMITS[what]
    name, ask = key(*options)
    order = an_order(**more)
    is_forbidden(ask("POST", ORDERS, order), said)
    (row,) = site.service.orders.list_refused()
    assert (row.signed_by, row.error["code"]) == (name, "key_forbidden")
    # The same by a key that may, and by an operator
    command(site, "set", name, "--server", "*", "--bundle", "*", "--may", "*")
    assert ask("POST", ORDERS, order).status_code == 202


#: Other spellings of the server web-1 and the bundle boutique, which the key is not for.
SPELLINGS = (
    "web-1", "WEB-1", "web-1 ", " web-1", "web-1.", "web\u20111", "\uff57eb-1", "web-1\u0000", "web-1\n", "./web-1",
    "web-2/../web-1", "web-1%20", "https://web-1", "web-1:2087", "//web-2@web-1", "web-2,web-1", ["web-1"],
    ["web-2", "web-1"], {"web-2": "web-1"},
)  # fmt: skip


@attack(
    "a billing names what is not its own otherwise: in other letters, lists, addresses, twice, in an event",
    "nothing is made of it for any server or bundle but its key's",
)
def test_no_spelling_of_a_field_leads_a_key_elsewhere(site):
    name = f"k{uuid.uuid4().hex[:8]}"
    secret = json.loads(
        command(site, "add", name, "--server", "web-2", "--bundle", "other", "--may", "nothing", "--json")
    )["secret"]
    own = {"server": "web-2", "bundle": "other"}
    asked = []
    for one in SPELLINGS:
        asked.append(json.dumps(an_order(**{**own, "server": one})))
        asked.append(json.dumps(an_order(**{**own, "bundle": one if one != "web-1" else "boutique"})))
        asked.append(json.dumps({**event(number()), "server_host": one, "bundle": "other"}))
        asked.append(json.dumps({**event(number()), "server_host": "other.example", "bundle": one}))
        twice = json.dumps(an_order(**own))[:-1]
        asked.append(f'{twice}, "server": {json.dumps(one)}}}')
        asked.append(f'{twice}, "serve\\u0072": {json.dumps(one)}}}')
        asked.append(json.dumps(an_order(**own, options={"occupied": "move", "server": one})))
        asked.append(json.dumps(an_order(**own, create_account=True, Server=one)))
    for text in asked:
        answer = site.signed("POST", ORDERS, text.encode("utf-8"), key=name, secret=secret)
        assert 400 <= answer.status_code < 500 or answer.json()["server"] == "web-2", (text, answer.text)
    with reading(site.service.installation.engine) as connection:
        made = connection.execute(
            sa.select(jobs.jobs.c.server, jobs.jobs.c.bundle).where(jobs.jobs.c.signed_by == name)
        )
        assert {tuple(row) for row in made} <= {("web-2", "other")}


@attack("a billing writes its key's name otherwise, or names another one as well", "it is no key, or its own")
@pytest.mark.parametrize(
    "spelling", ["{0} ", "{1}", "{0}\u00a0", "{0},billing", "billing,{0}", "{0}\x00", "%{0}", "./{0}"]
)
def test_no_spelling_of_a_name_is_another_key(site, key, spelling):
    name, _ask = key("--server", "web-2")
    renewed = json.loads(command(site, "renew", name, "--yes", "--json"))["secret"]
    given = spelling.format(name, name.upper())
    body = json.dumps(an_order()).encode()
    try:
        answer = site.signed("POST", ORDERS, body, key=given, secret=renewed)
    except (ValueError, OSError):
        # No header at all
        return
    assert answer.status_code in (400, 401) or answer.json().get("code") == "key_forbidden", answer.text


@attack("a billing sends an event for a server that is not its own", "no job is made, and the reason is kept")
def test_events_are_limited_as_orders_are(site, key):
    name, ask = key("--server", "web-2")
    service = number()
    is_forbidden(ask("POST", ORDERS, event(service)), "server web-1")
    with reading(site.service.installation.engine) as connection:
        assert jobs.find_service(connection, service, name) is None
    assert ask("GET", f"/api/v1/services/{service}").json()["error"]["code"] == "key_forbidden"


@attack("a billing that may only order retries or ends a service", "the job stays as it is")
def test_a_key_that_may_not_retry_or_cancel_changes_no_job(site, key):
    name, ask = key("--may", "nothing")
    service = number()
    job = ask("POST", ORDERS, event(service)).json()["id"]
    site.fail(site.service.jobs.get(job), "database", "panel_refused", "no")
    is_forbidden(ask("POST", f"/api/v1/services/{service}/retry", {}), "retry")
    is_forbidden(ask("POST", ORDERS, terminated(service)), "cancel")
    assert site.service.jobs.get(job).state == "failed"
    (row,) = site.service.orders.list_refused()
    assert (row.signed_by, row.service_id) == (name, service)


@attack("a billing, or somebody with its key, floods the controller", "its rate holds, and other keys are served")
def test_the_rate_of_a_key_holds(site, key):
    _name, ask = key("--rate", "3")
    _other, others = key()
    answers = [ask("GET", "/api/v1/services/x") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 429, 429]
    assert answers[-1].json()["code"] == "key_throttled" and answers[-1].json()["retryable"]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert others("GET", "/api/v1/services/x").status_code == 404


def test_a_key_asks_again_when_its_minute_is_over(site, key):
    name, _ask = key("--rate", "2")
    clock = Clock()
    log = RequestLog(site.service.installation.engine, clock)
    for turn in "ab":
        for one in "12":
            log.use_signature(f"v1={name}{turn}{one}", name)
        with pytest.raises(ShoplaunchError, match="key_throttled"):
            log.use_signature(f"v1={name}{turn}3", name)
        clock.now += 61


@attack("somebody still has the secret of a billing that is gone", "the key is revoked, at once and for good")
def test_a_revoked_key_signs_nothing_any_more(site, key):
    name, ask = key()
    service = number()
    job = ask("POST", ORDERS, event(service)).json()["id"]
    command(site, "revoke", name, code=1)
    assert ask("GET", f"/api/v1/services/{service}").status_code == 200
    command(site, "revoke", name, "--yes")
    for method, path, document in (("GET", f"/api/v1/services/{service}", None), ("POST", ORDERS, event(number()))):
        answer = ask(method, path, document)
        assert (answer.status_code, answer.json()["code"]) == (401, "request_unsigned")
    assert "name_taken" in command(site, "add", name, code=1)
    assert site.service.jobs.get(job).state == "received"
    shown = {row["name"]: row for row in json.loads(command(site, "list", "--json"))}
    assert shown[name]["revoked_at"] and shown[name]["used_at"]


@attack("a secret leaked", "a new one takes its place, and the services stay the key's")
def test_a_renewed_key_keeps_its_services(site, key):
    name, ask = key()
    service = number()
    job = ask("POST", ORDERS, event(service)).json()["id"]
    secret = json.loads(command(site, "renew", name, "--yes", "--json"))["secret"]
    assert ask("GET", f"/api/v1/services/{service}").status_code == 401
    answer = site.signed("GET", f"/api/v1/services/{service}", key=name, secret=secret)
    assert answer.json()["id"] == job


def test_another_key_takes_the_services_of_a_revoked_one_over(site, key):
    old, as_old = key()
    new, as_new = key()
    service, order = number(), an_order()
    job = as_old("POST", ORDERS, event(service)).json()["id"]
    other = as_old("POST", ORDERS, order).json()["id"]
    assert "illegal_transition" in command(site, "adopt", new, "--of", old, "--yes", code=1)
    assert as_new("GET", f"/api/v1/services/{service}").status_code == 404
    command(site, "revoke", old, "--yes")
    assert "1 more" in command(site, "adopt", new, "--of", old, "--yes")
    assert as_new("GET", f"/api/v1/services/{service}").json()["id"] == job
    # The same order sent again by its new key
    assert as_new("POST", ORDERS, order).json()["id"] == other


@attack("somebody asks who ordered or ended a shop", "the audit log names the key, also of what was refused")
def test_what_a_key_does_stands_under_its_name(site, key):
    name, ask = key("--may", "nothing")
    service = number()
    job = ask("POST", ORDERS, event(service)).json()["id"]
    ask("POST", ORDERS, terminated(service))
    ask("POST", f"/api/v1/services/{service}/retry", {})
    rows = json.loads(command(site, "trail", name, "--json"))
    assert [row["action"] for row in rows] == ["retry", "terminated", "module_created"]
    assert rows[2]["job"] == job and service in rows[2]["detail"]
    assert "key_forbidden" in rows[0]["detail"] and "key_forbidden" in rows[1]["detail"]
    page = site.signed_in().get(site.url + "/admin/audit", timeout=120).text
    assert f"key {name}" in page


@pytest.mark.parametrize("code", ["key_forbidden", "key_throttled", "key_unknown"])
def test_what_a_key_may_not_is_explained_in_both_languages(code):
    assert advice(code, "en") != advice(code, "fa")


def test_keys_are_limited_to_what_there_is(site):
    assert "server_unknown" in command(site, "add", "k1", "--server", "nowhere", code=1)
    assert "bundle_unknown" in command(site, "add", "k1", "--bundle", "nothing", code=1)
    assert "key_unknown" in command(site, "set", "k1", "--rate", "5", code=1)
