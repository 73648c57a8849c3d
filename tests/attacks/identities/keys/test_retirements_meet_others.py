"""Keys are retired while others restore a backup or make newer keys, on a database that lets many write at once."""

import pytest
from click.testing import CliRunner

from controller import backups, keys
from controller.access import billing_keys
from controller.access.actor import command_line
from controller.backups import restoring
from controller.cli import main
from controller.db.connection.engine import reading, transact
from controller.db.identities.api_keys import ApiKey
from controller.db.machines import servers, workers
from controller.db.machines.servers import Server
from controller.keys import load_keys
from controller.setup import key_retirement
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.state.installing import install
from tests.support.state.saved import closing_engine
from tests.support.state.state_database import SERVERS
from tests.support.worlds.rotated_keys import TOKEN, Silence


@pytest.fixture(params=["sqlite", *SERVERS])
def config(request, places):
    """An installation with a server, without jobs."""
    made = places.config(request.param)
    install(made)
    sealed = load_keys(made.keys).encrypt(TOKEN)
    row = Server("cp1", "cpanel", url="https://cp1.example:2087", user="root", token_encrypted=sealed)
    with closing_engine(made) as engine:
        transact(engine, lambda connection: servers.add(connection, row, 1.0))
    return made


@pytest.fixture
def saved(config, tmp_path):
    """A backup of the installation, whose keys are rotated since."""
    file = tmp_path / "saved"
    backups.backup(config, file)
    keys.rotate(config.keys)
    return file


def token_of(config):
    with closing_engine(config) as engine, reading(engine) as connection:
        return load_keys(config.keys).decrypt(servers.get(connection, "cp1").token_encrypted)


def retire(config, progress=None):
    return key_retirement.retire(config, lambda _known: None, progress or Silence(), at_once=False)


class CutOff(BaseException):
    """The process was killed there."""


@pytest.fixture
def cut_off(config, saved, monkeypatch):
    """A restore was killed when its rows were there, and not yet its keys."""

    def place(*_about):
        raise CutOff

    with monkeypatch.context() as patch, pytest.raises(CutOff):
        patch.setattr(restoring, "_put_in_place", place)
        backups.restore(config, saved)


def completed(config):
    """Return whether the next command completes a restore."""
    environment = {"SHOPLAUNCH_HOME": str(config.home), "SHOPLAUNCH_DATABASE_URL": config.database_url}
    done = CliRunner().invoke(main, ["jobs"], env=environment)
    assert done.exit_code == 0, done.output
    return "complete now" in done.stderr


@attack(
    "`key retire` waits for its answer while a restore is killed that has brought back the rows, and not yet the keys",
    "it is refused: what it sealed would be sealed by keys that the next command replaces; everything opens then",
)
def test_a_restore_that_was_cut_off_stops_a_retirement(config, cut_off):
    with pytest.raises(ShoplaunchError, match="restore_running"):
        retire(config)
    assert completed(config) and token_of(config) == TOKEN
    assert retire(config) is None


@attack(
    "an operator's command waits for its answer then, as `key renew` does, and makes a secret that is sealed",
    "it is refused as well, and nothing is changed",
)
def test_a_restore_that_was_cut_off_stops_what_seals(config, cut_off):
    actor = command_line(config)
    with pytest.raises(ShoplaunchError, match="restore_running"):
        billing_keys.add(actor, ApiKey("billing"))
    assert completed(config) and billing_keys.listed(actor) == []
    actor.engine.dispose()


@attack(
    "a backup is restored while `key retire` goes through what is stored",
    "the restore is refused: the retirement would end keys that the restored rows need",
)
def test_a_retirement_keeps_restores_out(config, saved):
    class Meanwhile(Silence):
        refused = ()

        def phase(self, name, total=None):
            with pytest.raises(ShoplaunchError) as caught:
                backups.restore(config, saved)
            self.refused += (caught.value.code,)

    meanwhile = Meanwhile()
    assert retire(config, meanwhile).sealed == 1
    assert set(meanwhile.refused) == {"restore_running"} and token_of(config) == TOKEN
    backups.restore(config, saved)
    assert token_of(config) == TOKEN


@attack(
    "newer keys are made right when `key retire` has seen that every process knows the newest ones",
    "it retires none that a running process signs by: the keys before those that it has asked about",
)
def test_a_rotation_behind_the_look_retires_no_key_in_use(config, saved, monkeypatch):
    used, look = load_keys(config.keys), key_retirement._require_unused
    with closing_engine(config) as engine:
        transact(engine, lambda connection: workers.beat(connection, "started after the rotation"))

    def looked(*about):
        look(*about)
        keys.rotate(config.keys)

    monkeypatch.setattr(key_retirement, "_require_unused", looked)
    assert retire(config) is not None
    left = load_keys(config.keys)
    assert [getattr(left, name)[0] for name in keys.MAKERS] == [getattr(used, name)[-1] for name in keys.MAKERS]
    assert token_of(config) == TOKEN
