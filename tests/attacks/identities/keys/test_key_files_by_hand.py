"""Key files that were put in place by other means than this product's stay whole, or are named as damaged."""

import pytest

from controller import keys
from controller.keys import MAKERS, load_keys
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.worlds.rotated_keys import Home, all_there


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    yield made
    made.service.installation.engine.dispose()


def rewrite(path, change):
    """Make the file at `path` what `change` makes of its bytes."""
    path.write_bytes(change(path.read_bytes()))


@attack(
    "a tool for secrets puts a key file in place without the end of its last line, then keys are rotated and retired",
    "each key stays one of its own: the service starts, and everything that is sealed opens",
)
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("change", [bytes.rstrip, lambda content: content.replace(b"\n", b"\r\n")[:-2]])
def test_a_last_line_without_an_end_is_not_joined_with_a_newer_key(home, name, change):
    before = load_keys(home.config.keys)
    rewrite(home.config.keys / name, change)
    keys.rotate(home.config.keys)
    after = load_keys(home.config.keys)
    for one in MAKERS:
        assert getattr(after, one)[:-1] == getattr(before, one), one
    assert home.opened() == all_there(home)
    home.retire()
    assert home.opened() == all_there(home)


@attack(
    "a line of the file of encryption keys is damaged by hand or by a disk",
    "that is what is said, before anything is sealed or changed; a process that runs seals by the keys it has",
)
@pytest.mark.parametrize("damage", [b"# keys\n%s", b"%s\0\0\0", b"%szz\n", b"-%s"])
def test_a_damaged_encryption_key_is_named_and_stops_nothing_that_runs(home, damage):
    known = load_keys(home.config.keys)
    rewrite(home.config.keys / "encryption", lambda content: damage % content)
    with pytest.raises(ShoplaunchError, match="config_invalid: a key file"):
        load_keys(home.config.keys)
    whole = (home.config.keys / "signing").read_bytes()
    with pytest.raises(ShoplaunchError, match="is damaged"):
        keys.rotate(home.config.keys)
    assert (home.config.keys / "signing").read_bytes() == whole
    assert known.decrypt(known.encrypt("s3cret")) == "s3cret"
