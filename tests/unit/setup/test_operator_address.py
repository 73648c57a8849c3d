"""The operator's address in the settings file: put there by `init`, nothing else changed; `doctor` asks for it."""

import json
import os
import tomllib

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.cli.installation import setup
from controller.doctor.registry import examine
from controller.settings.loading import load_config
from controller.setup import installation, operator_address
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

ADDRESS = "op@example.com"


@pytest.fixture
def config(tmp_path):
    """The configuration of an installation without a settings file."""
    return load_config({"SHOPLAUNCH_HOME": str(tmp_path)})


def kept(config, text, address=ADDRESS):
    """Return what the settings file `text` is once the address is kept in it."""
    config.file.write_text(text)
    operator_address.keep(config, address)
    return config.file.read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f'[mail]\noperator = "{ADDRESS}"\n'),
        ('bind = "127.0.0.1:1"\n', f'bind = "127.0.0.1:1"\n\n[mail]\noperator = "{ADDRESS}"\n'),
        ("[mail] # ours\nport = 26\n[local]\n", f'[mail] # ours\noperator = "{ADDRESS}"\nport = 26\n[local]\n'),
        ('[mail]\nport = 26\noperator = "x@y"\n', f'[mail]\nport = 26\noperator = "{ADDRESS}"\n'),
        ('[whmcs]\noperator = 1\n[mail]\n', f'[whmcs]\noperator = 1\n[mail]\noperator = "{ADDRESS}"\n'),
    ],
)  # fmt: skip
def test_the_address_is_put_into_its_section_and_nothing_else_changes(config, before, after):
    assert kept(config, before) == after
    assert tomllib.loads(after)["mail"]["operator"] == ADDRESS
    assert kept(config, after) == after


def test_the_settings_that_init_writes_take_it(config):
    installation.ensure_folders(config)
    installation.ensure_settings(config)
    operator_address.keep(config, ADDRESS)
    assert load_config({"SHOPLAUNCH_HOME": str(config.home)}).mail.operator == ADDRESS
    assert config.file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("before", ["mail = { port = 26 }\n", "mail.port = 26\n", "[ mail ]\nport = 26\n", "=\n"])
def test_a_file_that_is_written_in_another_way_is_left_alone(config, before):
    with pytest.raises(ShoplaunchError) as caught:
        kept(config, before)
    assert caught.value.code == "config_invalid" and ADDRESS in caught.value.message
    assert config.file.read_text() == before


@pytest.mark.parametrize(
    "address", ["", "nobody", "a b@c.example", 'x"@y.example', "a@b\nport=1", "@", "a@" + "b" * 300]
)
def test_what_is_no_address_is_refused(config, address):
    with pytest.raises(ShoplaunchError) as caught:
        operator_address.keep(config, address)
    assert caught.value.code == "email_invalid" and not config.file.exists()


@pytest.fixture
def init(tmp_path, monkeypatch):
    """Run `init` where no agent is built; return what it printed."""
    monkeypatch.setattr(setup, "_agent_problem", lambda: None)

    def run(*words, **more):
        done = CliRunner().invoke(main, ["init", *words], env={"SHOPLAUNCH_HOME": str(tmp_path)}, **more)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def alarms_row(tmp_path):
    rows = {row.name: row for row in examine(load_config({"SHOPLAUNCH_HOME": str(tmp_path)}))}
    return rows["operator's address"]


@attack(
    "an operator sets up an installation without an address for alarms, in a script",
    "`init` says that alarms go nowhere, and `doctor` is red and names the option",
)
def test_init_without_a_terminal_asks_nothing_says_so_and_doctor_is_red(init, tmp_path):
    assert "Alarms go nowhere" in init()
    row = alarms_row(tmp_path)
    assert not row.ok and "init --operator-email" in row.advice


def test_init_takes_the_address_as_an_option_and_doctor_is_content(init, tmp_path):
    assert json.loads(init("--operator-email", ADDRESS, "--json"))["operator_email"] == ADDRESS
    assert alarms_row(tmp_path).ok
    assert f"Alarms go to {ADDRESS}" in init()


@attack(
    "an operator sets up an installation at a terminal, and leaves the question for an address empty",
    "alarms are said to go nowhere, and the next `init` asks again until there is one",
)
def test_init_asks_at_a_terminal_until_there_is_an_address(init, tmp_path, monkeypatch):
    monkeypatch.setattr(setup, "_at_terminal", lambda: True)
    assert "Alarms go nowhere" in init(input="\n")
    assert f"Alarms go to {ADDRESS}" in init(input=ADDRESS + "\n")
    assert alarms_row(tmp_path).ok
    assert "e-mail address" not in init()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_settings_file_stays_its_owners(config):
    config.file.write_text("[mail]\n")
    os.chown(config.file, 1234, 2345)
    config.file.chmod(0o640)
    operator_address.keep(config, ADDRESS)
    found = config.file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (1234, 2345, 0o640)


def test_settings_behind_a_link_stay_where_they_are(config, tmp_path):
    real = tmp_path / "elsewhere" / "settings.toml"
    real.parent.mkdir()
    real.write_text("[mail]\n")
    config.file.symlink_to(real)
    operator_address.keep(config, ADDRESS)
    assert config.file.is_symlink() and ADDRESS in real.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_settings_file_that_cannot_stay_its_owners_is_left_alone(config, monkeypatch):
    def fchown(*_given):
        raise PermissionError(1, "Operation not permitted")

    config.file.write_text("[mail]\n")
    os.chown(config.file, 1234, 2345)
    monkeypatch.setattr(os, "fchown", fchown)
    with pytest.raises(ShoplaunchError) as caught:
        operator_address.keep(config, ADDRESS)
    assert caught.value.code == "config_invalid" and ADDRESS in caught.value.message
    assert config.file.read_text() == "[mail]\n" and [one.name for one in config.home.iterdir()] == [config.file.name]


def test_init_asks_again_after_what_is_no_address_and_shows_the_first_password(init, monkeypatch):
    monkeypatch.setattr(setup, "_at_terminal", lambda: True)
    shown = init(input=f"nobody\n{ADDRESS}\n")
    assert f"Alarms go to {ADDRESS}" in shown and "Password: " in shown
