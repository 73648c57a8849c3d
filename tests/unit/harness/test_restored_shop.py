"""A shop that tests change one after the other is each time as it was installed."""

import pytest

from tests.support.shops.restored_shop import RestoredShop

TABLES = """
CREATE TABLE kept (id int PRIMARY KEY AUTO_INCREMENT, note varchar(20)) ENGINE=InnoDB;
INSERT INTO kept VALUES (1, 'one'), (7, NULL);
CREATE TABLE counted (number int) ENGINE=InnoDB;
CREATE TRIGGER count_kept AFTER INSERT ON kept FOR EACH ROW INSERT INTO counted VALUES (NEW.id);
CREATE VIEW seen AS SELECT note FROM kept;
"""
CHANGES = (
    "INSERT INTO kept (note) VALUES ('new')", "DELETE FROM kept", "UPDATE kept SET note = 'other' WHERE id = 7",
    "ALTER TABLE kept ADD more int", "RENAME TABLE counted TO x", "DROP TABLE counted", "CREATE TABLE more (id int)",
    "DROP TRIGGER count_kept", "CREATE TRIGGER more BEFORE DELETE ON kept FOR EACH ROW DELETE FROM counted",
    "CREATE VIEW more AS SELECT 1 AS one", "DROP VIEW seen", "CREATE OR REPLACE VIEW seen AS SELECT id FROM kept",
)  # fmt: skip


@pytest.fixture
def shop(mariadb_server, tmp_path):
    """(document root, a function that runs a statement in the database, what restores both)."""
    root, (name, _user, _password) = tmp_path / "root", mariadb_server.new_database()
    (root / "img").mkdir(parents=True)
    (root / "img" / "a.png").write_bytes(b"picture")
    (root / "link").symlink_to("img")

    def run(sql):
        return mariadb_server.query(sql, database=name)

    for statement in filter(str.strip, TABLES.split(";\n")):
        run(statement)
    restored = RestoredShop(mariadb_server, root, name, tmp_path / "copy")
    yield root, run, restored
    restored.close()


def everything(run):
    listed = sorted(run("SHOW FULL TABLES"))
    shown = [run(f"SHOW CREATE TABLE {name}") for name, _kind in listed]
    # Their moment of creation is another
    triggers = [run(f"SHOW CREATE TRIGGER {row[0]}")[0][2] for row in run("SHOW TRIGGERS")]
    return listed, shown, triggers, [sorted(map(str, run(f"SELECT * FROM {name}"))) for name, _kind in listed]


@pytest.mark.parametrize("change", CHANGES)
def test_tables_rows_triggers_and_views_are_as_before(shop, change):
    _root, run, restored = shop
    before = everything(run)
    run(change)
    assert everything(run) != before
    restored.restore()
    assert everything(run) == before


def test_files_are_as_before(shop):
    root, _run, restored = shop
    restored.restore()
    picture = root / "img" / "a.png"
    picture.write_bytes(b"another")
    (root / "more").mkdir()
    (root / "link").unlink()
    restored.restore()
    assert picture.read_bytes() == b"picture" and (root / "link").is_symlink()
    picture.unlink()
    restored.restore()
    assert picture.exists() and sorted(path.name for path in root.iterdir()) == ["img", "link"]
