"""What commands on access ask is true: nobody is asked about what is not there, or for what changes nothing."""

import pytest
from click.testing import CliRunner

from controller.access import billing_keys, operators, second_factor
from controller.access.actor import command_line
from controller.cli import main
from controller.db.connection.engine import transact
from controller.db.identities.api_keys import ApiKey
from controller.db.machines import servers
from controller.settings.loading import load_config
from controller.setup import installation
from tests.support.state.installing import install

PASSWORD = "correct horse battery"
UNKNOWN = {
    "user totp": "user_unknown",
    "user remove": "user_unknown",
    "user password": "user_unknown",
    "key renew": "key_unknown",
    "key revoke": "key_unknown",
    "key adopt": "key_unknown",
    "server remove": "server_unknown",
    "bundle remove": "bundle_unknown",
}


@pytest.fixture
def home(tmp_path):
    environment = {"SHOPLAUNCH_HOME": str(tmp_path / "home")}
    install(load_config(environment))
    installation.set_operator(load_config(environment), "nora", PASSWORD)
    return environment


@pytest.fixture
def actor(home):
    return command_line(load_config(home))


def command(home, *words, **more):
    return CliRunner().invoke(main, words, env=home, **more)


@pytest.mark.parametrize("words", UNKNOWN)
def test_nobody_is_asked_about_what_is_not_there(home, words):
    done = command(home, *words.split(), "nothing")
    assert done.exit_code == 1 and done.stderr.startswith(UNKNOWN[words]), done.stderr
    assert "[y/N]" not in done.output


def test_nobody_is_asked_about_what_is_needed(home, actor):
    transact(actor.engine, lambda connection: servers.add(connection, servers.Server("web-1", "local"), 1.0))
    billing_keys.add(actor, ApiKey("billing", servers=("web-1",)))
    for words in (("server", "remove", "web-1"), ("user", "remove", "nora")):
        done = command(home, *words)
        assert done.exit_code == 1 and done.stderr.startswith("in_use"), done.stderr
        assert "[y/N]" not in done.output


def test_the_question_says_whether_a_second_factor_ends_or_begins(home, actor):
    first = command(home, "user", "totp", "nora", input="n\n").output
    assert "begins" in first and "has now ends" not in first
    second_factor.begin(actor, "nora")
    assert "has now ends" in command(home, "user", "totp", "nora", input="n\n").output


def test_a_second_factor_that_is_not_there_is_not_taken_away(home, actor):
    before = operators.get(actor, "nora", 0.0)
    for more in ((), ("--yes",)):
        done = command(home, "user", "totp", "nora", "--remove", *more)
        assert done.exit_code == 0 and done.output == "nora has no second factor.\n"
    assert operators.get(actor, "nora", 0.0) == before


def test_a_role_is_changed_by_no_single_stroke(home, actor):
    operators.add(actor, "omid", PASSWORD, "look")
    done = command(home, "user", "role", "omid", "administer")
    assert done.exit_code == 1 and "not_confirmed" in done.stderr and "--yes" in done.stderr
    assert operators.get(actor, "omid", 0.0).role == "look"
    assert "omid may look until now" in command(home, "user", "role", "omid", "administer", input="n\n").output
    assert command(home, "user", "role", "omid", "administer", "--yes").exit_code == 0
    assert operators.get(actor, "omid", 0.0).role == "administer"


@pytest.mark.parametrize("kind", ["key", "server"])
def test_a_change_of_nothing_is_not_called_one(home, actor, kind):
    billing_keys.add(actor, ApiKey("web-1"))
    cpanel = servers.Server("web-1", "cpanel", url="https://host.example:2087", user="root")
    transact(actor.engine, lambda connection: servers.add(connection, cpanel, 1.0))
    done = command(home, kind, "set", "web-1")
    assert done.exit_code == 2 and "say what changes" in done.output
