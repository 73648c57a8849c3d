"""No copy of a retired key stays on the disk, whatever was cut off while keys were made."""

import os

import pytest

from controller import files, keys
from controller.keys import load_keys
from tests.attacks.identities.keys.test_retired_keys import Home
from tests.attacks.table import attack


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    yield made
    made.service.installation.engine.dispose()


@attack(
    "the machine dies while keys are rotated, so that a copy of a key file stays that was never given its name",
    "the next rotation removes the copy, and so does retiring keys",
)
@pytest.mark.parametrize("rotated", [True, False])
def test_no_copy_of_a_retired_key_stays(home, rotated):
    if not rotated:
        home.retire()
    newest = load_keys(home.config.keys).encryption[-1]
    process = os.fork()
    if not process:
        files.Path.replace = lambda *_: os._exit(0)
        keys.rotate(home.config.keys)
    os.waitpid(process, 0)
    assert len(copies(home)) == 1
    if not rotated:
        keys.rotate(home.config.keys)
        assert copies(home) == []
    home.retire()
    assert copies(home) == []
    assert (newest in load_keys(home.config.keys).encryption) is rotated


def copies(home):
    return [path for path in home.config.keys.iterdir() if path.name.startswith(".")]


def test_with_no_old_keys_the_copy_goes_too(home):
    home.retire()
    (home.config.keys / ".signing.abcd1234").write_text("a copy")
    assert home.retire() is None and copies(home) == []
