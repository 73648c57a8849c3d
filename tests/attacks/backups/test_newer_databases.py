"""A program works on tables of its own version only, and says which of the two is the older one."""

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller.cli import main
from controller.db import migrate
from controller.db.connection.engine import make_engine, reading
from controller.db.tables import metadata
from controller.keys import ensure_keys, rotate
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.app import create_app
from shared.errors import ShoplaunchError, advice
from tests.attacks.table import attack
from tests.support.state.saved import closing_engine, content, keys_of
from tests.support.state.state_database import SERVERS, make_tables, new_url
from tests.support.waiting import wait_until
from tests.support.worlds.world import World

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
    with closing_engine(config) as engine:
        set_revision(engine, revision)


def set_revision(engine, revision):
    with engine.begin() as connection:
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


def rows(engine):
    """Everything in the database, signs of life as well."""
    with reading(engine) as connection:
        return {one.name: sorted(map(repr, connection.execute(sa.select(one)))) for one in metadata.sorted_tables}


@attack(
    "a newer version migrates the database while web server and worker of this one run on it",
    "they take nothing up, write nothing, and say why by a code; with their own tables again they go on",
)
@pytest.mark.parametrize("kind", ["sqlite", *SERVERS])
def test_a_running_service_takes_nothing_up_on_a_newer_versions_database(request, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(migrate, "WATCH_SECONDS", 0.0)
    engine = make_engine(new_url(request, tmp_path, kind))
    make_tables(engine)
    world = World(tmp_path, engine)
    site = create_app(world.config, world.service).test_client()
    job = world.order()
    set_revision(engine, "9999")
    before = rows(engine)
    world.worker.start()
    for method, path in (("POST", "/api/v1/orders"), ("GET", "/admin/jobs"), ("POST", f"/api/v1/jobs/{job.id}/events")):
        answer = site.open(path, method=method)
        assert answer.status_code == 503, (path, answer.text)
    assert site.post("/api/v1/orders").json["code"] == site.get("/readyz").json["code"] == "database_newer"
    seen = world.worker._pulse.rounds
    wait_until(lambda: world.worker._pulse.rounds > seen + 2)
    assert rows(engine) == before and world.panel.calls == []
    set_revision(engine, migrate.newest())
    wait_until(lambda: world.job(job).state == "dropped")
    assert site.get("/admin/jobs").status_code == 302
    assert world.worker.stop()
    world.close()
    engine.dispose()
