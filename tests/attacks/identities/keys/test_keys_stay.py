"""An installation in use gets no new keys by a slip, and none works on a database with somebody else's."""

import json
import os
import shutil
import uuid

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import transact
from controller.db.tables import api_keys
from controller.jobs.intake.service import open_service
from controller.keys import MAKERS, SALT, ensure_keys, load_keys
from controller.settings.loading import load_config
from controller.setup import installation
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.worlds.web_site import an_order

FILES = (*MAKERS, SALT)


@pytest.fixture
def home(prepared, tmp_path):
    """The home of an installation in use, with a key of a billing system."""
    folder = tmp_path / "in-use"
    shutil.copytree(prepared, folder)
    config = load_config({"SHOPLAUNCH_HOME": str(folder)})
    installation.add_api_key(config, "billing")
    return folder


def ran(home, *words, code, **more):
    done = CliRunner().invoke(main, words, env={"SHOPLAUNCH_HOME": str(home), **more})
    assert done.exit_code == code, done.output
    return done.output


@attack(
    "an operator loses the folder of keys, or one of its files, and follows the advice to run `init`",
    "no new keys are made: what the old ones sealed and signed would be lost without a word",
)
@pytest.mark.parametrize("lost", ["all", *FILES])
def test_init_makes_no_new_keys_for_a_database_in_use(home, lost):
    for name in FILES if lost == "all" else (lost,):
        (home / "keys" / name).unlink()
    left = sorted(os.listdir(home / "keys"))
    said = ran(home, "init", code=1)
    assert said.startswith("keys_lost: ") and "--new-keys" in said
    assert sorted(os.listdir(home / "keys")) == left


@attack(
    "an operator sets a second controller up on the first one's database by `init`",
    "it makes no keys of its own: the first one's are to be copied",
)
def test_a_second_controller_makes_no_keys_of_its_own(home, tmp_path):
    other = tmp_path / "second"
    ran(other, "init", code=1, SHOPLAUNCH_DATABASE_URL=f"sqlite:///{home}/shoplaunch.db")
    assert not (other / "keys").exists()


@attack(
    "a controller that has keys of its own is pointed at the database of another one",
    "it does not start: it could read nothing there, and would fail the other's jobs",
)
def test_a_controller_with_other_keys_does_not_start(home, tmp_path):
    other = tmp_path / "second"
    ensure_keys(other / "keys")
    config = load_config({"SHOPLAUNCH_HOME": str(other), "SHOPLAUNCH_DATABASE_URL": f"sqlite:///{home}/shoplaunch.db"})
    with pytest.raises(ShoplaunchError) as refused:
        open_service(config)
    assert refused.value.code == "keys_lost"
    shutil.rmtree(other / "keys")
    shutil.copytree(home / "keys", other / "keys")
    open_service(config).installation.engine.dispose()


def test_lost_keys_are_created_anew_on_request(home):
    shutil.rmtree(home / "keys")
    ran(home, "init", "--new-keys", code=0)
    assert len(load_keys(home / "keys").signing) == 1
    rows = {row["name"]: row for row in json.loads(ran(home, "doctor", "--json", code=1))}
    assert not rows["sealed values"]["ok"] and "1 of 1" in rows["sealed values"]["message"]
    assert "keys_lost" in ran(home, "jobs", code=1)
    ran(home, "key", "renew", "billing", "--yes", code=0)
    ran(home, "jobs", code=0)


def test_an_init_that_was_cut_off_among_its_keys_goes_on(tmp_path):
    home = tmp_path / "home"
    ensure_keys(home / "keys")
    (home / "keys" / "tokens").unlink()
    ran(home, "init", code=0)
    assert len(load_keys(home / "keys").tokens) == 1


@attack(
    "the key that seals the secret of a billing system's key is gone",
    "its orders wait: no refusal for good is sent, which would end a paid order",
)
def test_orders_are_not_refused_for_a_key_of_the_installation_that_is_gone(site):
    foreign = ensure_foreign(site)
    name, secret = f"k{uuid.uuid4().hex[:8]}", "00" * 32
    row = {"name": name, "secret_encrypted": foreign.encrypt(secret), "created_at": 1.0}
    transact(site.service.installation.engine, lambda connection: connection.execute(api_keys.insert().values(**row)))
    answer = site.signed("POST", "/api/v1/orders", json.dumps(an_order()).encode(), key=name, secret=secret)
    assert answer.status_code == 503, answer.text
    assert "Retry-After" in answer.headers


def ensure_foreign(site):
    """Return keys that are not the site's."""
    ensure_keys(site.home / "foreign")
    return load_keys(site.home / "foreign")
