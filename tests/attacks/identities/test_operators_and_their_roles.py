"""Operators do what their roles allow, on every route; where a second factor is set a password alone opens nothing."""

import json

import pytest
from click.testing import CliRunner

from controller.access import operators, totp
from controller.access.actor import command_line
from controller.cli import main
from controller.db import jobs, steps
from controller.db.connection.engine import transact
from controller.db.identities import logins, sessions
from controller.jobs.intake.service import open_service
from controller.jobs.lifecycle import plan
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.app import create_app
from tests.attacks.table import attack
from tests.support.state.installing import install
from tests.support.worlds.web_site import an_order, csrf_of, let_in_soon, populate

PASSWORD = "correct horse battery"
ROLES = ("look", "operate", "administer")
#: What each route needs, written a second time. "": nobody has to be signed in: it is public, or has its own key.
NEEDED = {
    ("static", "GET"): "", ("home", "GET"): "", ("admin.login", "GET"): "", ("admin.login", "POST"): "",
    ("status.show", "GET"): "", ("credentials.show", "GET"): "", ("credentials.reveal", "POST"): "",
    ("ops.healthz", "GET"): "", ("ops.readyz", "GET"): "", ("ops.metrics", "GET"): "",
    ("openapi.page", "GET"): "", ("openapi.show", "GET"): "",
    ("orders.place", "POST"): "signed", ("orders.show", "GET"): "signed", ("orders.retry", "POST"): "signed",
    ("callbacks.receive", "POST"): "token", ("bundles.send", "GET"): "token",
    ("bundles.name_address", "POST"): "token",
    ("admin.home", "GET"): "look", ("admin.jobs", "GET"): "look", ("admin.job", "GET"): "look",
    ("admin.certificate", "GET"): "look", ("admin.attention", "GET"): "look", ("admin.servers", "GET"): "look",
    ("admin.audit_log", "GET"): "look", ("admin.logout", "POST"): "look",
    ("admin.retry", "POST"): "operate", ("admin.confirm_retry", "GET"): "operate",
    ("admin.confirm_cancel", "GET"): "operate", ("admin.cancel", "POST"): "operate",
    ("admin.undo_cancel", "POST"): "operate", ("admin.begin_follow_up", "POST"): "operate",
    ("admin.confirm_follow_up", "GET"): "operate", ("admin.confirm_undo_cancel", "GET"): "operate",
    ("admin.confirm_resend", "GET"): "operate", ("admin.resend", "POST"): "operate",
    ("admin.confirm_dismiss", "GET"): "operate", ("admin.dismiss", "POST"): "operate",
    ("admin.account", "GET"): "look", ("admin.ask_factor", "GET"): "look", ("admin.offer_factor", "POST"): "look",
    ("admin.confirm_factor", "POST"): "look", ("admin.ask_end_factor", "GET"): "look",
    ("admin.end_factor", "POST"): "look",
    ("admin.operators", "GET"): "administer", ("admin.ask_operator", "GET"): "administer",
    ("admin.add_operator", "POST"): "administer", ("admin.operator", "GET"): "administer",
    ("admin.confirm_operator", "GET"): "administer", ("admin.change_operator", "POST"): "administer",
    ("admin.confirm_password", "GET"): "administer", ("admin.new_password", "POST"): "administer",
    ("admin.keys", "GET"): "administer", ("admin.ask_key", "GET"): "administer",
    ("admin.add_key", "POST"): "administer", ("admin.key", "GET"): "administer",
    ("admin.confirm_key", "GET"): "administer", ("admin.change_key", "POST"): "administer",
}  # fmt: skip


class House:
    def __init__(self, folder):
        self.environment = {"SHOPLAUNCH_HOME": str(folder)}
        self.config = load_config(self.environment)
        install(self.config)
        installation.set_operator(self.config, "root", PASSWORD)
        for role in ROLES:
            operators.add(command_line(self.config), role, PASSWORD, role)
        self.service = open_service(self.config)
        transact(self.service.installation.engine, populate)
        transact(self.service.installation.engine, let_in_soon)
        self.app = create_app(self.config, self.service)

    def command(self, *words, code=0):
        done = CliRunner().invoke(main, ["user", *words], env=self.environment)
        assert done.exit_code == code, done.output
        return done.stdout if code == 0 else done.output

    def try_in(self, user, code="", address="127.0.0.1", browser=None):
        """Try to sign in; return (status, the browser)."""
        browser = browser or self.app.test_client()
        where = {"REMOTE_ADDR": address}
        page = browser.get("/admin/login", environ_base=where).text
        form = {"user": user, "password": PASSWORD, "code": code, "csrf_token": csrf_of(page)}
        return browser.post("/admin/login", data=form, environ_base=where).status_code, browser

    def signed_in(self, user):
        status, browser = self.try_in(user)
        assert status == 303
        return browser


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = House(tmp_path_factory.mktemp("house") / "home")
    yield made
    made.service.installation.engine.dispose()


def routes(app):
    """Yield (endpoint, method, a path) of every route."""
    values = {"job_id": "none", "number": 1, "token": "x", "service_id": "x", "name": "x", "filename": "icon.svg"}
    values["kind"] = "https_on"
    values |= {"user": "none"}
    changes = {"operator": "sessions", "key": "renew"}
    with app.test_request_context():
        from flask import url_for

        for rule in app.url_map.iter_rules():
            values["change"] = changes.get(rule.endpoint.rpartition("_")[2], "")
            path = url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                yield rule.endpoint, method, path


def ask(browser, method, path, **form):
    if method == "GET":
        return browser.get(path)
    token = csrf_of(browser.get("/admin/login").text)
    return browser.post(path, data={"csrf_token": token, **form})


def test_the_need_of_every_route_is_written_down(house):
    assert {(endpoint, method) for endpoint, method, _path in routes(house.app)} == set(NEEDED)


@attack(
    "somebody who may only look, or operate, asks for every page and every change", "what the role lacks is refused"
)
@pytest.mark.parametrize("role", ROLES)
def test_every_route_asks_for_its_role(house, role):
    for endpoint, method, path in routes(house.app):
        wanted = NEEDED[endpoint, method]
        if wanted not in ROLES:
            continue
        answer = ask(house.signed_in(role), method, path)
        allowed = ROLES.index(role) >= ROLES.index(wanted)
        assert (answer.status_code != 403) is allowed, (endpoint, method, answer.status_code)
        assert "/admin/login" not in answer.headers.get("Location", "") or endpoint == "admin.logout"


@attack("somebody who is not signed in asks for every route", "the login, or a refusal; nothing of it is shown or done")
def test_every_route_asks_who_it_is(house):
    for endpoint, method, path in routes(house.app):
        wanted, browser = NEEDED[endpoint, method], house.app.test_client()
        if wanted in ("signed", "token"):
            assert browser.open(path, method=method).status_code == 401, endpoint
        elif wanted:
            answer = ask(browser, method, path)
            assert (answer.status_code, answer.headers["Location"][:12]) == (302, "/admin/login"), endpoint


@attack("an operator closes a client's shop, or takes its password", "only who may administer does so")
@pytest.mark.parametrize("kind", ["remove", "set_admin_password"])
def test_what_is_taken_from_clients_needs_an_administrator(house, kind):
    path = "/admin/jobs/none/later"
    assert ask(house.signed_in("operate"), "POST", path, kind=kind).status_code == 403
    assert ask(house.signed_in("operate"), "GET", f"{path}/{kind}").status_code == 403
    assert ask(house.signed_in("operate"), "POST", path, kind="https_on").status_code == 404
    assert ask(house.signed_in("administer"), "POST", path, kind=kind).status_code == 404


@attack("an operator retries a job that closes a shop and failed", "only who may begin such a job does so")
@pytest.mark.parametrize("kind", ["remove", "set_admin_password"])
def test_a_job_that_takes_something_is_retried_by_who_may_begin_it(house, kind):
    job = house.service.orders.place(an_order(), source="test")

    def fail(connection):
        found = jobs.get(connection, job.id)
        steps.insert(connection, job.id, [name for name in plan.of(kind) if name not in plan.PLAN])
        return jobs.update(connection, found, house.service.now(), kind=kind, state="failed", step="agent")

    transact(house.service.installation.engine, fail)
    path, operator = f"/admin/jobs/{job.id}", house.signed_in("operate")
    assert ask(operator, "POST", f"{path}/retry").status_code == 403
    assert ask(operator, "GET", f"{path}/again").status_code == 403
    assert 'id="retry"' not in operator.get(path).text
    administrator = house.signed_in("administer")
    assert ask(administrator, "POST", f"{path}/retry").status_code != 403


@attack("an operator is added by a name that stands for clients or commands in the audit log", "that name is taken")
@pytest.mark.parametrize("name", ["client", "Command"])
def test_nobody_is_called_as_others_are_in_the_log(house, name):
    assert "name_taken" in house.command("add", name, code=1)
    answer = ask(
        house.signed_in("administer"), "POST", "/admin/operators/add", user=name, role="look", own_password=PASSWORD
    )
    assert answer.status_code == 409
    assert name not in [row["user"] for row in json.loads(house.command("list", "--json"))]


@attack(
    "an operator signs in without end, so that no page about it can be shown", "the last hundred sessions are listed"
)
def test_sessions_are_listed_up_to_a_number(house):
    now = house.service.now()
    for _ in range(sessions.LISTED + 5):
        transact(
            house.service.installation.engine, lambda connection: sessions.begin(connection, "look", "192.0.2.7", now)
        )
    page = house.signed_in("administer").get("/admin/operator/look").text
    assert page.count("192.0.2.7") == sessions.LISTED
    operators.end_sessions(command_line(house.config), "look")


def test_a_role_that_is_taken_away_counts_at_once(house):
    installation.set_operator(house.config, "passing", PASSWORD)
    browser = house.signed_in("passing")
    assert ask(browser, "POST", "/admin/jobs/none/retry").status_code == 404
    house.command("role", "passing", "look", "--yes")
    assert ask(browser, "POST", "/admin/jobs/none/retry").status_code == 403
    fa = browser.get("/admin/jobs/none/cancel?lang=fa")
    assert fa.status_code == 403 and "نقش شما" in fa.text
    roles = {row["user"]: row["role"] for row in json.loads(house.command("list", "--json"))}
    assert roles["passing"] == "look"
    house.command("remove", "passing", "--yes")


@pytest.fixture
def other_server(house):
    """Another web server of the same installation (its application)."""
    service = open_service(house.config)
    yield create_app(house.config, service)
    service.installation.engine.dispose()


@attack(
    "an operator whose role is taken away, or who is removed, goes on at another web server, where he signed in before",
    "each request asks the state database: what one web server changes counts at all of them",
)
def test_a_role_that_is_taken_away_at_one_web_server_counts_at_the_others(house, other_server):
    installation.set_operator(house.config, "between", PASSWORD)
    _status, browser = house.try_in("between", browser=other_server.test_client())
    assert ask(browser, "POST", "/admin/jobs/none/retry").status_code == 404
    root = house.signed_in("root")
    change = {"role": "look", "own_password": PASSWORD}
    assert ask(root, "POST", "/admin/operator/between/role", **change).status_code == 303
    assert ask(browser, "POST", "/admin/jobs/none/retry").status_code == 403
    assert browser.get("/admin/jobs").status_code == 200
    house.command("remove", "between", "--yes")
    assert browser.get("/admin/jobs").status_code == 302


@pytest.fixture
def factor(house):
    """An operator with a second factor: what `user totp` prints."""
    installation.set_operator(house.config, "two", PASSWORD)
    return json.loads(house.command("totp", "two", "--yes", "--json"))


@pytest.fixture(autouse=True)
def nobody_waits(house):
    """Failed logins of one test keep no other waiting."""
    yield
    house.service.access._throttle.succeeded("two", "127.0.0.1")


def now_code(house, factor, steps=0):
    return totp.code_at(factor["secret"], int(house.service.now() // 30) + steps)


@attack("somebody knows an operator's password", "without a code of the app it opens nothing")
def test_the_password_alone_opens_nothing(house, factor):
    for code in ("", "000000", now_code(house, factor, 5), "abcdef"):
        assert house.try_in("two", code)[0] == 401
    assert house.try_in("two", now_code(house, factor))[0] == 303


@attack("somebody reads a code over an operator's shoulder", "it has been used, and those before it, too")
def test_a_code_counts_once(house, factor):
    code = now_code(house, factor)
    assert house.try_in("two", code)[0] == 303
    assert house.try_in("two", code)[0] == 401
    assert house.try_in("two", now_code(house, factor, -1))[0] == 401


@attack(
    "somebody who has the password tries codes from a new address each time, day and night",
    "after twenty there is one try in ten minutes; the operator's own device and recovery codes do not wait",
)
def test_codes_are_not_guessed_from_everywhere(house, factor, monkeypatch):
    status, own = house.try_in("two", now_code(house, factor))
    assert status == 303
    own.delete_cookie("shoplaunch")
    tries = [house.try_in("two", "00000x", f"198.51.100.{number}")[0] for number in range(logins.MAX_CODES + 1)]
    assert tries == [401] * logins.MAX_CODES + [429]
    # An hour later the failures of users and addresses are forgotten, these are not
    later, clock = house.service.now() + 3600, house.service.access._throttle._clock
    monkeypatch.setattr(house.service.access._throttle, "_clock", lambda: later)
    assert [house.try_in("two", "00000x", f"198.51.101.{number}")[0] for number in range(2)] == [401, 429]
    monkeypatch.setattr(house.service.access._throttle, "_clock", clock)
    assert house.try_in("two", now_code(house, factor, 1), "192.0.2.9", own)[0] == 303
    assert house.try_in("two", factor["recovery_codes"][0], "192.0.2.10")[0] == 303


@attack(
    "the same writes the codes with blanks, as an app shows them, so that they are as long as a recovery code",
    "it counts",
)
def test_a_code_with_blanks_is_counted_as_one(house, factor):
    assert house.try_in("two", f"{now_code(house, factor):^30}")[0] == 303
    guess = "0 0\u00a00" + " " * 20 + "00x"
    tries = [house.try_in("two", guess, f"198.51.100.{number}")[0] for number in range(logins.MAX_CODES + 1)]
    assert tries == [401] * logins.MAX_CODES + [429]


@attack(
    "the same has signed in before there was a second factor, and tries codes from that device for half a year",
    "they are counted by device, twenty a day; the owner's own device does not wait for them",
)
def test_codes_are_not_guessed_from_a_known_device(house, factor, monkeypatch):
    _status, own = house.try_in("two", now_code(house, factor))
    house.command("totp", "two", "--remove", "--yes")
    _status, stranger = house.try_in("two")
    secret = json.loads(house.command("totp", "two", "--yes", "--json"))
    began, found = house.service.now(), []
    for number in range(logins.MAX_CODES + 1):
        # Every two minutes: what a device may be wrong within a quarter of an hour is not used up
        now = began + 120 * number
        monkeypatch.setattr(house.service.access._throttle, "_clock", lambda now=now: now)
        found.append(house.try_in("two", "00000x", browser=stranger)[0])
    assert found == [401] * logins.MAX_CODES + [429]
    assert house.try_in("two", now_code(house, secret), "192.0.2.9", own)[0] == 303
    # And that does not give the stranger new tries
    stranger.delete_cookie("shoplaunch")
    assert house.try_in("two", "00000x", browser=stranger)[0] == 429


@attack("somebody found a recovery code that was used", "each serves once, and is not in the database")
def test_a_recovery_code_counts_once(house, factor):
    code = factor["recovery_codes"][0]
    assert house.try_in("two", code)[0] == 303
    assert house.try_in("two", code)[0] == 401
    assert house.try_in("two", factor["recovery_codes"][1])[0] == 303
    from controller.db.connection.engine import reading
    from controller.db.identities import operators

    with reading(house.service.installation.engine) as connection:
        encrypted, left = operators.second_factor(connection, "two")
    assert len(left) == 8 and not set(left) & set(factor["recovery_codes"])
    assert factor["secret"] not in encrypted


@attack("a session was begun before the second factor", "it is over")
def test_a_second_factor_ends_sessions(house, factor):
    _status, browser = house.try_in("two", now_code(house, factor))
    assert browser.get("/admin/jobs").status_code == 200
    house.command("totp", "two", "--remove", "--yes")
    assert browser.get("/admin/jobs").status_code == 302
    assert house.try_in("two")[0] == 303
    assert "user_unknown" in house.command("totp", "nobody", "--yes", code=1)
