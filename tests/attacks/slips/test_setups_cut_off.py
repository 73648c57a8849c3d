"""A first run that is killed leaves no copy of settings, keys or passwords behind once it was run again."""

import os
import signal
from pathlib import Path

import pytest

from controller import keys
from controller.cli.installation import questions
from controller.settings.sections import Config
from controller.setup import installation, settings_file
from tests.attacks.table import attack

SECRET = "mysql://shop:planted-secret@localhost/shoplaunch"


def settings(home):
    """Write a setting that holds a secret."""
    settings_file.put(home / "shoplaunch.toml", {"database_url": SECRET})


def described(home):
    """Make the settings file of a new installation."""
    installation.ensure_settings(Config(home=home))


def made_keys(home):
    """Make the keys of a new installation."""
    keys.ensure_keys(home / "keys")


def password(home):
    """Keep the mail server's password."""
    questions.keep_password(Config(home=home), SECRET)


def killed(work, home):
    """Kill a process that does `work` when the first file it writes is to get its name."""
    child = os.fork()
    if not child:
        Path.replace = lambda *_given: os.kill(os.getpid(), signal.SIGKILL)
        try:
            work(home)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@attack(
    "a first run is killed while it writes settings, keys or the mail server's password",
    "the next one removes the half-written copy: no secret lies about",
)
@pytest.mark.parametrize("work", [settings, described, made_keys, password])
def test_what_a_killed_first_run_left_goes_with_the_next(tmp_path, work):
    (tmp_path / ".shoplaunch.toml.of-somebody-else").write_text("theirs")
    killed(work, tmp_path)
    left = [path for path in tmp_path.rglob(".*") if path.name != ".shoplaunch.toml.of-somebody-else"]
    assert len(left) == 1
    work(tmp_path)
    assert [path.name for path in tmp_path.rglob(".*")] == [".shoplaunch.toml.of-somebody-else"]


@attack(
    "two first runs make the keys of an installation at the same moment",
    "they use the same ones: what one has sealed opens for the other",
)
def test_two_first_runs_at_once_make_one_set_of_keys(tmp_path, monkeypatch):
    alone = keys.alone

    def after_another(folder):
        monkeypatch.setattr(keys, "alone", alone)
        made_keys(tmp_path)
        before.append({path.name: path.read_bytes() for path in folder.iterdir()})
        return alone(folder)

    before = []
    monkeypatch.setattr(keys, "alone", after_another)
    made_keys(tmp_path)
    assert before == [{path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}]
