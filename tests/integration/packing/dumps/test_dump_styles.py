"""Dumps of every tool, compressed in every way, load as the same shop; what is changed is reported."""

import bz2
import gzip
import io
import json
import lzma
import zipfile

import pymysql
import pytest

from controller.bundles.source.database.open_source import load_dump
from controller.bundles.source.servers.scratch import open_scratch
from shared.errors import ShoplaunchError
from tests.support.shops.databases.dump_styles import NOTES, STYLES
from tests.support.shops.packing import packed, server_url

WIDE = "CREATE TABLE t (id int NOT NULL, `utf8_text` varchar(255) CHARACTER SET utf8 COLLATE utf8_unicode_ci, " \
       "PRIMARY KEY (id), KEY k (`utf8_text`)) ENGINE=MyISAM DEFAULT CHARSET=utf8;\n"  # fmt: skip


@pytest.fixture
def loaded(mariadb_server, tmp_path):
    """A function: load a dump (bytes); return (a function that queries what it became, the notes)."""
    with open_scratch(server_url(mariadb_server), lambda _: None) as scratch:

        def load(content):
            path = tmp_path / "dump"
            path.write_bytes(content)
            database, notes = load_dump(path, scratch, lambda _: None)
            return lambda sql: mariadb_server.query(sql, database=database), notes

        yield load


def zipped(content, name="export/shop.sql", more=()):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for member in ("__MACOSX/._shop.sql", name, *more):
            target.writestr(member, content)
    return archive.getvalue()


#: A collation of MySQL's, which newer MariaDB takes by that name.
MYSQLS = "utf8mb4_0900_ai_ci"


def knows(query, collation):
    """Return whether the server behind `query` takes the name `collation`."""
    try:
        query(f"SELECT CONVERT('' USING utf8mb4) COLLATE {collation}")
    except pymysql.err.OperationalError:
        return False
    return True


@pytest.mark.parametrize("style", sorted(STYLES))
def test_every_tools_dump_is_the_same_shop(loaded, style):
    query, notes = loaded(STYLES[style])
    rows = query("SELECT id, text, CAST(day AS char) FROM notes ORDER BY id")
    plain = [text.replace("\\'", "'").replace('\\"', '"').replace("\\n", "\n") for _, text, _ in NOTES]
    assert rows == tuple((number, text, day) for (number, _, day), text in zip(NOTES, plain, strict=True))
    assert query("SHOW KEYS FROM notes WHERE Key_name = 'words'")[0][10] == "FULLTEXT"
    assert query("SELECT id FROM dated ORDER BY id") == ((1,), (2,), (3,))
    assert query("CALL counted()") == ((3,),)
    query("INSERT INTO notes (text) VALUES (';')")
    assert query("SELECT id, text FROM notes WHERE id > 3") == ((4, "semicolon"),)
    definers = query("SELECT DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
                     " UNION SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()"
                     " UNION SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()")  # fmt: skip
    ((definer,),) = definers
    assert definer.startswith("shoplaunch_dump_")
    unknown = style == "mysqldump-8.4" and not knows(query, MYSQLS)
    assert notes == ([f"{MYSQLS} is unknown to the scratch server: utf8mb4_unicode_520_ci"] if unknown else [])


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_dump_whose_end_is_not_written_yet_is_refused(loaded, style):
    # Cut where a statement ends: nothing but the tool's own last lines can tell
    with pytest.raises(ShoplaunchError) as refused:
        loaded(STYLES[style][: STYLES[style].index(b"INSERT INTO")])
    assert refused.value.code == "dump_truncated"


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zipped], ids=["gz", "xz", "bz2", "zip"])
def test_a_compressed_dump_is_read_as_it_is(loaded, pack):
    query, _ = loaded(pack(STYLES["phpmyadmin"]))
    assert query("SELECT COUNT(*) FROM notes") == ((3,),)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zipped], ids=["gz", "xz", "bz2", "zip"])
def test_a_compressed_dump_that_is_cut_short_is_refused(loaded, pack):
    with pytest.raises(ShoplaunchError) as refused:
        loaded(pack(STYLES["phpmyadmin"] * 50)[:-60])
    assert refused.value.code in ("dump_truncated", "dump_unreadable")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped(b"x", "a.sql", ["b.sql"]), "2 dumps"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "7z"),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "zstd"),
    ],
    ids=["two-in-one", "7z", "zstd"],
)
def test_what_cannot_be_opened_is_refused_by_name(loaded, content, said):
    with pytest.raises(ShoplaunchError, match=said) as refused:
        loaded(content)
    assert refused.value.code == "dump_unreadable"


def test_a_dump_of_two_databases_is_refused(loaded):
    with pytest.raises(ShoplaunchError, match="one, two") as refused:
        loaded(b"USE one;\nCREATE TABLE t (id int);\nUSE `two`;\nCREATE TABLE t (id int);\n")
    assert refused.value.code == "dump_names_database"


def test_no_database_of_the_dumps_name_is_made_or_touched(loaded, mariadb_server):
    mariadb_server.query("CREATE DATABASE named_in_dump")
    try:
        loaded(b"DROP DATABASE IF EXISTS named_in_dump; USE named_in_dump; CREATE TABLE t (id int);\n")
        assert mariadb_server.query("SHOW TABLES", database="named_in_dump") == ()
    finally:
        mariadb_server.query("DROP DATABASE named_in_dump")


def test_letters_of_four_bytes_in_utf8_columns_are_kept_by_widening_the_table(loaded):
    query, notes = loaded(("SET NAMES utf8;\n" + WIDE + "INSERT INTO t VALUES (1,'🛒 سبد'),(2,'b');\n").encode())
    assert query("SELECT `utf8_text` FROM t WHERE id = 1") == (("🛒 سبد",),)
    assert notes == ["t holds letters of four bytes in utf8: made utf8mb4"]


def test_a_utf8_table_without_such_letters_stays_as_it_is(loaded):
    query, notes = loaded(("SET NAMES utf8;\n" + WIDE + "INSERT INTO t VALUES (1,'سبد');\n").encode())
    assert "utf8mb3_unicode_ci" in query("SHOW CREATE TABLE t")[0][1]
    assert notes == []


def test_bytes_that_only_look_so_in_another_character_set_widen_nothing(loaded):
    text = b"SET NAMES latin1;\n" + WIDE.encode() + b"INSERT INTO t VALUES (1,'\xf0\x9f\x9b\x92');\n"
    query, notes = loaded(text)
    assert query("SELECT CHAR_LENGTH(`utf8_text`) FROM t") == ((4,),)
    assert notes == []


def test_a_collation_the_scratch_server_lacks_is_replaced_and_reported(loaded):
    text = ("CREATE TABLE t (a varchar(40) COLLATE {0}, PRIMARY KEY (a)) COLLATE={0};\n"
            "CREATE VIEW v AS SELECT a FROM t WHERE a = 'x' COLLATE {0};\n"
            "INSERT INTO t VALUES ('{0}');\n")  # fmt: skip
    query, notes = loaded(text.format("utf8mb4_0900_new_ai_ci").encode())
    assert query("SELECT a FROM t") == (("utf8mb4_0900_new_ai_ci",),)
    assert notes == ["utf8mb4_0900_new_ai_ci is unknown to the scratch server: utf8mb4_unicode_520_ci"]


def test_a_collation_nothing_can_stand_in_for_is_refused_by_name(loaded):
    with pytest.raises(ShoplaunchError, match="utf8mb4_klingon") as refused:
        loaded(b"CREATE TABLE t (a varchar(20) COLLATE utf8mb4_klingon);\n")
    assert refused.value.code == "dump_failed"


def test_what_loading_changed_is_in_the_report(docroot, tmp_path, mariadb_server):
    path = tmp_path / "dump.sql"
    path.write_text(WIDE + "INSERT INTO t VALUES (1,'🛒');\n")
    report = packed(docroot, tmp_path / "x.bundle", dump=path, scratch=server_url(mariadb_server)).report
    assert report["dump_changed"] == ["t holds letters of four bytes in utf8: made utf8mb4"]


CHOICES = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, a enum('404','it''s') NOT NULL, b enum('','x') NOT NULL);\n"


def test_empty_values_that_older_servers_stored_among_choices_load_and_are_kept(loaded):
    query, notes = loaded(
        f"SET SQL_MODE='';\n{CHOICES}INSERT INTO `t` (id, a, b) VALUES (1,'',''),(2,'404','x');".encode()
    )
    assert query("SELECT id, a, b FROM t ORDER BY id") == ((1, "", ""), (2, "404", "x"))
    assert query("SHOW TABLES") == (("t",),) and notes == []


@pytest.mark.parametrize("row", ["(1,'of nobody','')", "(1,'','of nobody')"])
def test_a_choice_that_would_be_lost_is_refused(loaded, row):
    with pytest.raises(ShoplaunchError, match="Data truncated for column") as refused:
        loaded(f"SET SQL_MODE='';\n{CHOICES}INSERT INTO t VALUES {row};\n".encode())
    assert refused.value.code == "dump_failed"


@pytest.mark.parametrize(
    ("more", "insert", "said"),
    [
        ("", "INSERT IGNORE INTO t VALUES (1,'404','x'),(2,'','')", "Duplicate entry"),
        ("CREATE TABLE p (id int PRIMARY KEY);\nALTER TABLE t ADD FOREIGN KEY (id) REFERENCES p (id);\n"
         "SET foreign_key_checks=1;\n", "INSERT IGNORE INTO t VALUES (9,'','')", "Data truncated"),
        ("CREATE TABLE kept (b enum('y'));\nCREATE TRIGGER keep BEFORE INSERT ON t FOR EACH ROW"
         " INSERT INTO kept VALUES (NEW.b);\n", "INSERT INTO t VALUES (3,'','x')", "Data truncated"),
    ],
)  # fmt: skip
def test_what_else_a_statement_loses_is_refused_though_it_has_such_values(loaded, more, insert, said):
    begin = f"SET SQL_MODE='';\n{CHOICES}INSERT INTO t VALUES (1,'404','');\n"
    with pytest.raises(ShoplaunchError, match=said) as refused:
        loaded(f"{begin}{more}{insert};\n".encode())
    assert refused.value.code == "dump_failed"


def test_more_such_values_than_a_server_warns_about_load(loaded):
    rows = ",".join(f"({number},'','x')" for number in range(200))
    query, _ = loaded(f"SET SQL_MODE='';\n{CHOICES}INSERT INTO t VALUES {rows};\n".encode())
    assert query("SELECT COUNT(*) FROM t WHERE a = '' AND a + 0 = 0") == ((200,),)


@pytest.mark.parametrize("mode", ["", "ANSI"])
def test_such_values_load_in_whatever_language_the_dump_speaks(loaded, mode):
    create = "CREATE TABLE t (a enum('\xe9t\xe9') COMMENT '\xe0 lire', b int) DEFAULT CHARSET=latin1;\n"
    insert = "INSERT INTO t VALUES ('',1),('\xe9t\xe9',2);\n"
    query, _ = loaded(f"SET NAMES latin1;\nSET SQL_MODE='{mode}';\n{create}{insert}".encode("latin1"))
    assert query("SELECT a FROM t ORDER BY b") == (("",), ("\xe9t\xe9",))


@pytest.mark.parametrize("is_live", [False, True])
def test_such_an_empty_value_becomes_the_last_choice_and_that_is_in_the_report(
    docroot, tmp_path, mariadb_server, is_live
):
    path = tmp_path / "dump.sql"
    rows = (
        "INSERT INTO t VALUES (1,'',''),(2,'it''s','x');\nCREATE TABLE u (a enum('x'));\nINSERT INTO u VALUES ('x');\n"
    )
    path.write_text(f"SET SQL_MODE='';\n{CHOICES}{rows}")
    url = server_url(mariadb_server)
    if is_live:
        mariadb_server.query("CREATE DATABASE with_choices")
        for statement in path.read_text().split(";\n")[:-1]:
            mariadb_server.query(f"SET STATEMENT sql_mode='' FOR {statement}" if "INSERT" in statement else statement,
                                 database="with_choices")  # fmt: skip
    try:
        given = {"database": url.replace("/?", "/with_choices?")} if is_live else {"dump": path}
        bundle = packed(docroot, tmp_path / "x.bundle", **given, scratch=url)
    finally:
        mariadb_server.query("DROP DATABASE IF EXISTS with_choices")
    assert bundle.report["dump_changed"] == ["t.a: '' is in rows and not among the choices: it becomes the last one"]
    created = {one["name"]: one["create"] for one in definitions(tmp_path / "x.bundle")}
    assert "enum('404','it''s','')" in created["t"] and "enum('','x')" in created["t"] and "enum('x')" in created["u"]


def definitions(bundle):
    """Return the definitions of a bundle's tables."""
    with zipfile.ZipFile(bundle) as archive:
        return json.loads(gzip.decompress(archive.read("db/tables.json.gz")))
