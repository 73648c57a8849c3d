"""A program works on tables of its own version only, and says which of the two is the older one."""

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller.cli import main
from controller.config import load_config
from controller.db import migrate
from controller.db.connection.engine import make_engine
from controller.keys import ensure_keys, rotate
from controller.setup import installation
from shared.errors import ShoplaunchError, advice
from tests.attacks.table import attack
from tests.support.saved import closing_engine, content, keys_of
from tests.support.state_database import SERVERS, make_tables, new_url

COMMANDS = [
    ("jobs",),
    ("server", "list"),
    ("key", "list"),
    ("key", "add", "billing"),
    ("key", "rotate", "--yes"),
    ("key", "retire", "--yes"),
    ("user", "list"),
    ("user", "role", "admin", "look"),
    ("user", "remove", "admin", "--yes"),
    ("bundle", "remove", "classic", "--yes"),
    ("engine", "status"),
    ("worker",),
    ("backup", "-"),
]


@pytest.fixture
def config(tmp_path, monkeypatch):
    """An installation that has old keys."""
    monkeypatch.setenv("SHOPLAUNCH_HOME", str(tmp_path))
    found = load_config()
    installation.ensure_folders(found)
    ensure_keys(found.keys)
    rotate(found.keys)
    engine = make_engine(found.database_url)
    make_tables(engine)
    engine.dispose()
    return found


def bring_to(config, revision):
    with closing_engine(config) as engine, engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :found"), {"found": revision})


def run(*words):
    return CliRunner().invoke(main, words)


@pytest.mark.parametrize("kind", ["sqlite", *SERVERS])
def test_no_migration_is_looked_for_on_a_newer_versions_database(request, tmp_path, kind):
    engine = make_engine(new_url(request, tmp_path, kind))
    make_tables(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ShoplaunchError) as caught:
        migrate.upgrade(engine)
    assert caught.value.code == "database_newer" and "9999" in caught.value.message
    assert migrate.revisions(engine)[0] == "9999"
    engine.dispose()


@attack(
    "an operator runs commands of a version that is older than the one that migrated the database",
    "each says that, and changes nothing: keys that newer columns need stay, and nobody is sent to `migrate`",
)
def test_an_older_program_leaves_a_newer_versions_database_alone(config):
    bring_to(config, "9999")
    before = content(config), keys_of(config)
    for words in (*COMMANDS, ("migrate",), ("init",)):
        done = run(*words)
        assert (done.exit_code, done.stderr.partition(":")[0]) == (1, "database_newer"), (words, done.output)
    assert advice("database_newer") in run("doctor", "--json").output
    assert (content(config), keys_of(config)) == before


@attack(
    "an operator runs commands of a new version before its migrations",
    "each says that they are missing: none calls the database busy, and none changes keys first",
)
def test_a_newer_program_leaves_an_older_versions_database_alone(config):
    bring_to(config, "0011")
    before = content(config), keys_of(config)
    for words in COMMANDS:
        done = run(*words)
        assert (done.exit_code, done.stderr.partition(":")[0]) == (1, "not_initialised"), (words, done.output)
    assert (content(config), keys_of(config)) == before
