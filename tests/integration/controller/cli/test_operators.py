"""Operators by the command line and in the database: QR codes that an app reads, sessions."""

import json

import click
import pytest
from click.testing import CliRunner

from controller.access import operators, qr_code, second_factor, totp
from controller.access.actor import Actor
from controller.cli import main
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.identities import sessions
from controller.settings.loading import load_config
from controller.setup import installation
from shared.errors import ShoplaunchError
from tests.support.state.installing import install
from tests.support.users.qr_reader import blocks_in, read_blocks

PASSWORD = "correct horse battery"
NOW = 1_900_000_000.0


@pytest.fixture
def home(tmp_path):
    environment = {"SHOPLAUNCH_HOME": str(tmp_path / "home"), "SHOPLAUNCH_PUBLIC_URL": "https://control.example.com"}
    install(load_config(environment))
    installation.set_operator(load_config(environment), "nora", PASSWORD)
    return environment


def command(home, *words, code=0, **more):
    done = CliRunner().invoke(main, ["user", *words], env=home, **more)
    assert done.exit_code == code, done.output
    return done.output


def test_an_app_reads_the_second_factor_from_the_terminal(home):
    shown = command(home, "totp", "nora", "--yes")
    secret = shown.split("Key for the app: ")[1].split()[0]
    found = read_blocks(blocks_in(shown))
    assert found == totp.address(secret, "nora", "control.example.com")
    assert found in shown


def test_the_code_is_black_on_white_on_dark_terminals_too(home):
    shown = command(home, "totp", "nora", "--yes", color=True)
    drawn = [line for line in shown.splitlines() if "█" in line]
    assert drawn and all(line.startswith("\x1b[30m\x1b[107m") and line.endswith("\x1b[0m") for line in drawn)
    assert read_blocks(blocks_in(click.unstyle(shown))).startswith("otpauth://totp/")


def test_a_terminal_without_such_letters_gets_the_key_alone(home):
    done = CliRunner(charset="ascii").invoke(main, ["user", "totp", "nora", "--yes"], env=home)
    assert done.exit_code == 0, done.output
    assert "Key for the app" in done.output and not blocks_in(done.output)


@pytest.mark.parametrize("name", ["n", "n" * 64])
def test_names_of_every_length_fit_into_the_code(name):
    address = totp.address(totp.new_secret(), name, "control." + "x" * 50 + ".example.com")
    assert read_blocks(qr_code.blocks(address)) == address


def test_roles_are_set_before_anybody_can_sign_in(home):
    command(home, "add", "omid", "--role", "look")
    (found,) = [row for row in json.loads(command(home, "list", "--json")) if row["user"] == "omid"]
    assert (found["role"], found["second_factor"], found["sessions"], found["signed_in_at"]) == ("look", False, 0, None)
    assert "name_taken" in command(home, "add", "omid", "--role", "administer", code=1)


@pytest.fixture
def actor(engine):
    made = Actor("test", engine, lambda: None)
    for name in ("nora", "omid"):
        operators.add(made, name, PASSWORD)
    return made


def begin(engine, user, at, address="192.0.2.1"):
    return transact(engine, lambda connection: sessions.begin(connection, user, address, at))


def test_sessions_are_listed_until_they_are_over(engine, actor):
    begin(engine, "nora", NOW - sessions.LIFETIME_SECONDS - 1)
    idle = begin(engine, "nora", NOW - sessions.IDLE_SECONDS - 60)
    used = begin(engine, "nora", NOW - 600, "2001:db8::1")
    begin(engine, "omid", NOW)
    transact(engine, lambda connection: sessions.seen(connection, used, NOW - 60))
    found = operators.sessions_of(actor, "nora", NOW)
    assert [(row.began_at, row.seen_at, row.address) for row in found] == [(NOW - 600, NOW - 60, "2001:db8::1")]
    nora = operators.get(actor, "nora", NOW)
    assert (nora.sessions, nora.signed_in_at) == (1, NOW - 600)
    transact(engine, lambda connection: sessions.seen(connection, idle, NOW))
    operators.end_sessions(actor, "nora")
    assert [(one.user, one.sessions) for one in operators.listed(actor, NOW)] == [("nora", 0), ("omid", 1)]
    with reading(engine) as connection:
        assert sessions.listed(connection, "nora", NOW) == []


@pytest.mark.parametrize("how", ["password", "factor", "removal"])
def test_what_ends_sessions_takes_them_from_the_list(engine, actor, how):
    begin(engine, "nora", NOW)
    if how == "password":
        operators.set_password(actor, "nora", PASSWORD)
    elif how == "factor":
        second_factor.end(actor, "nora")
    else:
        operators.remove(actor, "nora")
    with reading(engine) as connection:
        assert sessions.listed(connection, "nora", NOW) == []


def test_unknown_operators_and_roles_are_reported(actor):
    for work in (operators.set_role, operators.set_password):
        with pytest.raises(ShoplaunchError, match="user_unknown"):
            work(actor, "nobody", {operators.set_role: "look"}.get(work, PASSWORD))
    for work in (operators.remove, operators.end_sessions, second_factor.end):
        with pytest.raises(ShoplaunchError, match="user_unknown"):
            work(actor, "nobody")
    with pytest.raises(ShoplaunchError, match="login_invalid"):
        operators.set_role(actor, "nora", "everything")


def test_init_that_was_cut_off_before_it_showed_the_password_says_how_to_get_one(home):
    again = CliRunner().invoke(main, ["init", "--user", "nora"], env=home)
    assert "shoplaunch user password nora" in again.output and "shown this once" not in again.output
    actor = Actor("test", make_engine(load_config(home).database_url), lambda: None)
    transact(actor.engine, lambda connection: sessions.begin(connection, "nora", "192.0.2.1", NOW))
    assert "user password" not in CliRunner().invoke(main, ["init"], env=home).output
