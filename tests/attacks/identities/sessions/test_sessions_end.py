"""A copied session is over as soon as its owner signs out, gets another password or is removed."""

import time

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import make_engine
from controller.db.identities.sessions import IDLE_SECONDS
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service, open_service
from controller.keys import load_keys
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.app import create_app
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.clock import Clock
from tests.support.state.installing import install
from tests.support.worlds.web_site import csrf_of

PASSWORD = "correct horse battery"


@pytest.fixture
def home(tmp_path):
    environment = {"SHOPLAUNCH_HOME": str(tmp_path / "home")}
    config = load_config(environment)
    install(config)
    for name in ("nora", "omid"):
        installation.set_operator(config, name, PASSWORD)
    service = open_service(config)
    yield environment, config, create_app(config, service)
    service.installation.engine.dispose()


def sign_in(app, user="nora", password=PASSWORD):
    """Try to; return (status, the browser)."""
    browser = app.test_client()
    form = {"user": user, "password": password, "csrf_token": csrf_of(browser.get("/admin/login").text)}
    return browser.post("/admin/login", data=form).status_code, browser


def signed_in(app, user="nora", password=PASSWORD):
    status, browser = sign_in(app, user, password)
    assert status == 303
    return browser


def stolen(app, browser):
    """Another browser with a copy of the session."""
    thief = app.test_client()
    thief.set_cookie("shoplaunch", browser.get_cookie("shoplaunch").value)
    assert is_in(thief)
    return thief


def is_in(browser):
    return browser.get("/admin/jobs").status_code == 200


def command(environment, *words, code=0, given=None):
    done = CliRunner().invoke(main, words, env=environment, input=given)
    assert done.exit_code == code, done.output
    return done.output


def sign_out(browser):
    browser.post("/admin/logout", data={"csrf_token": csrf_of(browser.get("/admin/jobs").text)})


@attack("somebody copied the cookie of an operator, who signs out", "the copy is over, too; other operators stay")
def test_signing_out_ends_copies_of_the_session(home):
    _environment, _config, app = home
    nora, omid = signed_in(app), signed_in(app, "omid")
    thief = stolen(app, nora)
    sign_out(nora)
    assert not is_in(thief) and not is_in(nora) and is_in(omid)
    assert is_in(signed_in(app)) and not is_in(thief)


@attack("somebody copied the cookie of an operator, whose password is changed", "the copy is over")
def test_a_new_password_ends_every_session(home):
    environment, _config, app = home
    thief, omid = stolen(app, signed_in(app)), signed_in(app, "omid")
    command(environment, "user", "password", "nora", code=1)
    assert is_in(thief)
    command(environment, "user", "password", "nora", "--yes")
    assert not is_in(thief) and is_in(omid)


@attack("an operator who left still has a session, and comes again under the same name", "the session is over")
def test_the_sessions_of_a_removed_operator_never_come_back(home):
    environment, config, app = home
    thief = stolen(app, signed_in(app))
    command(environment, "user", "remove", "nora", code=1)
    assert is_in(thief)
    command(environment, "user", "remove", "nora", "--yes")
    assert not is_in(thief)
    installation.set_operator(config, "nora", PASSWORD)
    assert not is_in(thief)


@attack(
    "an operator adds a colleague under a name that is taken",
    "it is refused and the command for a new password is named; the old password still opens, and sessions stay",
)
def test_adding_a_user_replaces_no_password(home):
    environment, _config, app = home
    nora = signed_in(app)
    said = command(environment, "user", "add", "nora", code=1)
    assert "name_taken" in said and "shoplaunch user password nora" in said
    assert is_in(nora) and is_in(signed_in(app))


def test_the_last_operator_stays(home):
    environment, config, _app = home
    command(environment, "user", "remove", "nora", "--yes")
    assert "in_use" in command(environment, "user", "remove", "omid", "--yes", code=1)
    assert "user_unknown" in command(environment, "user", "remove", "nora", "--yes", code=1)
    assert "user_unknown" in command(environment, "user", "password", "nora", "--yes", code=1)
    assert "name_taken" in command(environment, "user", "add", "omid", code=1)
    assert installation.operators(config) == ["omid"]
    assert "omid" in command(environment, "user", "list")
    with pytest.raises(ShoplaunchError):
        installation.set_operator(config, "omid", "short")


@attack(
    "an operator adds somebody under a name that is taken already, with another password",
    "it is refused: the password from before lets in, the other does not, and sessions go on",
)
def test_a_name_that_is_taken_keeps_its_password(home):
    environment, _config, app = home
    at_work, other = signed_in(app), "quite another password 7"
    for role in ((), ("--role", "look"), ("--role", "administer")):
        said = command(environment, "user", "add", "nora", "--password-file", "-", *role, code=1, given=other + "\n")
        assert "name_taken" in said and other not in said
    assert is_in(at_work) and is_in(signed_in(app))
    status, browser = sign_in(app, password=other)
    assert status != 303 and not is_in(browser)


@attack(
    "an operator leaves a page open that keeps itself fresh, and goes home",
    "its looks are nobody's doing: after two hours without people the session is over",
)
def test_a_page_that_keeps_itself_fresh_keeps_no_session(home):
    _environment, config, _app = home
    clock = Clock(float(int(time.time())))
    service = Service(Installation(config, make_engine(config.database_url), load_keys(config.keys), clock=clock))
    browser = signed_in(create_app(config, service))
    live, looks = {"X-Shoplaunch-Live": "1"}, []
    while not looks or (looks[-1] == 200 and len(looks) < 99):
        clock.pass_by(300)
        looks.append(browser.get("/admin/jobs", headers=live).status_code)
    assert looks == [200] * (IDLE_SECONDS // 300) + [302]
    # Who uses the pages stays in
    browser = signed_in(browser.application)
    for _ in range(30):
        clock.pass_by(300)
        assert is_in(browser)
    service.installation.engine.dispose()
