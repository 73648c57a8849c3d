"""A dump is understood as a whole before anything of it is executed; what does not belong there is refused."""

import bz2
import gzip
import io
import tarfile
import zipfile

import pytest

from controller.bundles.source.dumps import dump
from controller.bundles.source.dumps.dump_file import pieces
from controller.bundles.source.dumps.splitter import split
from shared.errors import ShoplaunchError

TABLE = b"CREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1);\n"


@pytest.fixture
def examined(tmp_path):
    def examine(content, name="shop.sql"):
        path = tmp_path / name
        path.write_bytes(content)
        return dump.examine(path)

    return examine


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (b"INSERT INTO `t` VALUES (1)", "insert", "t"),
        (b"REPLACE t VALUES (1)", "insert", "t"),
        (b"INSERT IGNORE INTO t VALUES (1)", "insert", "t"),
        (b"CREATE TABLE IF NOT EXISTS `a``b` (x int)", "table", "a`b"),
        (b"/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 DEFINER=`r`@`%` SQL SECURITY DEFINER */ "
         b"/*!50001 VIEW `v` AS SELECT 1 */", "view", "v"),
        (b"CREATE DEFINER=CURRENT_USER() PROCEDURE p() SELECT 1", "routine", "p"),
        (b"CREATE DEFINER = 'a'@'b' FUNCTION f() RETURNS int RETURN 1", "routine", "f"),
        (b"/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`l`*/ /*!50003 TRIGGER g  BEFORE INSERT ON t FOR EACH ROW DO 0 */",
         "trigger", "g"),
        (b"/*!40000 ALTER TABLE `t` DISABLE KEYS */", "alter", "t"),
        (b"DROP TABLE IF EXISTS `t`", "drop", "t"),
        (b"/*!50001 DROP VIEW IF EXISTS `v`*/", "drop", "v"),
        (b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `x` /*!40100 DEFAULT CHARACTER SET utf8 */", "database", "x"),
        (b"/*!40000 DROP DATABASE IF EXISTS `x`*/", "database", "x"),
        (b"use x", "database", "x"),
        (b"TRUNCATE TABLE `t`", "clear", "t"),
        (b"DELETE FROM `t`", "clear", "t"),
        (b"LOCK TABLES `t` WRITE", "lock", None),
        (b"START TRANSACTION", "begin", None),
        (b"SET NAMES utf8mb4", "set", None),
        (b"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='X' */", "set", None),
        (b"SET @@SESSION.SQL_LOG_BIN= 0", "skip", None),
        (b"SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ ''", "skip", None),
    ],
)  # fmt: skip
def test_every_kind_of_statement_that_belongs_into_a_dump_is_known(text, kind, name):
    (statement,) = split([text + b";"])
    assert dump.classify(statement) == (kind, name)


@pytest.mark.parametrize(
    "text", [b"CREATE DATABASE x; USE y", b"USE `x`;\nuse y", b"/*!40000 DROP DATABASE IF EXISTS `x`*/; USE y",
             b"INSERT INTO `x`.`t` VALUES (1)", b"CREATE TABLE x.t (a int)", b"DROP TABLE IF EXISTS `x` . `t`",
             b"TRUNCATE x.t", b"DELETE FROM x.t"],
)  # fmt: skip
def test_a_dump_that_names_another_database_is_refused(examined, text):
    with pytest.raises(ShoplaunchError) as refused:
        examined(TABLE + text + b";\n")
    assert refused.value.code == "dump_names_database"


@pytest.mark.parametrize(
    "text", [b"GRANT ALL ON *.* TO x", b"DELETE FROM t WHERE a=1", b"UPDATE t SET a=1", b"DROP TABLE t",
             b"SET GLOBAL x=1", b"SET NAMES utf8, GLOBAL general_log=1", b"SET PASSWORD='x'",
             b"SELECT 1 INTO OUTFILE '/x'", b"LOAD DATA INFILE 'x' INTO TABLE t",
             b"CREATE EVENT e DO SELECT 1", b"CALL p()", b"SHUTDOWN"],
)  # fmt: skip
def test_a_statement_that_does_not_belong_into_a_dump_is_refused(examined, text):
    with pytest.raises(ShoplaunchError) as refused:
        examined(TABLE + text + b";\n")
    assert refused.value.code == "dump_statement_unknown"


def test_the_message_of_a_refused_statement_shows_no_value(examined):
    with pytest.raises(ShoplaunchError) as refused:
        examined(TABLE + b"SET PASSWORD = 'hush';\n")
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        TABLE[:-4],
        b"",
        b"-- MySQL dump 10.13\n" + TABLE,
        b"-- MariaDB dump 10.19\n" + TABLE,
        TABLE + b"LOCK TABLES `t` WRITE;\n",
        b"START TRANSACTION;\n" + TABLE,
        gzip.compress(TABLE * 500, mtime=0)[:-20],
    ],
)
def test_a_dump_that_is_cut_off_is_refused(examined, content):
    with pytest.raises(ShoplaunchError) as refused:
        examined(content)
    assert refused.value.code == "dump_truncated"


@pytest.mark.parametrize(
    "content",
    [b"CREATE\0TABLE", "SET NAMES x;".encode("utf-16") + b"\0\xd8\xff", b"PK\x03\x04 zip", b"BZh9 bzip2",
     b"Rar!\x1a\x07", gzip.compress(TABLE, mtime=0)[:10] + b"\xff" * 40,
     b"just a text;".replace(b"just a text", b"SET NAMES utf8")],
)  # fmt: skip
def test_what_is_no_sql_text_is_refused(examined, content):
    with pytest.raises(ShoplaunchError) as refused:
        examined(content)
    assert refused.value.code == "dump_unreadable"


def test_a_missing_dump_is_unreadable(tmp_path):
    with pytest.raises(ShoplaunchError) as refused:
        dump.examine(tmp_path / "absent.sql")
    assert refused.value.code == "dump_unreadable"


def test_plain_and_gzipped_dumps_say_the_same(examined):
    assert examined(b"\xef\xbb\xbf" + TABLE).tables == ["t"]
    assert examined(TABLE).counts == examined(gzip.compress(TABLE), "shop.sql.gz").counts


def test_the_account_that_defined_an_object_is_removed():
    text = b"/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`10.0.%`*/ /*!50003 TRIGGER t AFTER INSERT ON x"
    assert dump.without_definer(text) == b"/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER t AFTER INSERT ON x"
    view = b"CREATE ALGORITHM=UNDEFINED DEFINER=`a b`@`%` SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=x'"
    assert dump.without_definer(view) == (
        b"CREATE ALGORITHM=UNDEFINED  SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=x'"
    )


def test_real_dumps_are_understood(real_dumps):
    assert len(dump.examine(real_dumps / "prestashop-8.2.1.sql.gz").tables) == 276
    assert len(dump.examine(real_dumps / "prestashop-1.6.1.24.sql.gz").tables) == 260


def archive(kind, **files):
    """Return an archive ("zip" or a mode of tarfile) with these files."""
    packed = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(packed, "w") as made:
            for name, content in files.items():
                made.writestr(name.replace("_", "."), content)
    else:
        with tarfile.open(fileobj=packed, mode=kind) as made:
            for name, content in files.items():
                member = tarfile.TarInfo(name.replace("_", "."))
                member.size = len(content)
                made.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        TABLE.decode().encode("utf-16"),
        TABLE.decode().encode("utf-16-le"),
        TABLE.decode().encode("utf-16-be"),
        gzip.compress(TABLE.decode().encode("utf-16")),
        archive("w", shop_sql=TABLE, readme_txt=b"hello"),
        archive("w:gz", shop_sql=TABLE),
        archive("w:xz", shop_sql=TABLE),
        bz2.compress(TABLE.replace(b"\n", b"\r\n")),
    ],
    ids=["utf-16", "little", "big", "utf-16 in gzip", "tar", "tar.gz", "tar.xz", "bzip2"],
)
def test_however_a_dump_is_encoded_and_packed_it_says_the_same(examined, content):
    assert examined(content).counts == examined(TABLE).counts


def test_letters_of_a_dump_in_utf_16_arrive_across_pieces(tmp_path):
    text = "SET NAMES utf8mb4;\n" + "INSERT INTO `t` VALUES ('\u0641\u0631\u0648\u0634\U0001f6d2');\n" * 20_000
    path = tmp_path / "shop.sql"
    path.write_bytes(text.encode("utf-16"))
    assert b"".join(pieces(path)).decode("utf-8") == text


@pytest.mark.parametrize("kind", ["zip", "w:gz"])
def test_an_archive_of_several_dumps_names_them(examined, kind):
    with pytest.raises(ShoplaunchError, match=r"holds 2 dumps \(one.sql, two.sql\)") as refused:
        examined(archive(kind, one_sql=TABLE, two_sql=TABLE))
    assert refused.value.code == "dump_unreadable"


def test_a_folder_in_place_of_a_dump_names_the_dumps_in_it(tmp_path):
    (tmp_path / "shop.sql.gz").write_bytes(b"")
    with pytest.raises(ShoplaunchError, match=r"is a folder \(shop.sql.gz\)"):
        dump.examine(tmp_path)


@pytest.mark.parametrize(
    ("sign", "form"), [(b"\x28\xb5\x2f\xfd", "zstd"), (b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!", "rar")]
)
def test_a_form_that_cannot_be_opened_is_named(examined, sign, form):
    with pytest.raises(ShoplaunchError, match=f"compressed as {form}"):
        examined(sign + b"\0" * 20)


def test_a_comment_that_lost_its_first_dash_is_still_a_comment(examined):
    assert examined(b"- ------------------------------------\n\n--\n" + TABLE).tables == ["t"]


def test_a_refused_statement_is_named_by_its_line(examined):
    with pytest.raises(ShoplaunchError, match=r"at line 3 \(byte 56\): GRANT ALL"):
        examined(TABLE + b"GRANT ALL ON *.* TO x;\n")


def test_a_dump_that_ends_in_a_statement_names_the_line_where_it_begins_and_no_value(examined):
    with pytest.raises(ShoplaunchError, match=r"at line 3 \(byte 56\): INSERT INTO `t` VALUES") as refused:
        examined(TABLE + b"INSERT INTO `t` VALUES ('hush")
    assert "hush" not in refused.value.message


def test_the_mode_in_which_a_backslash_is_itself_is_named(examined):
    with pytest.raises(ShoplaunchError, match="NO_BACKSLASH_ESCAPES"):
        examined(TABLE + b"SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES';\n")


NAMES = (b"configuration", b"employee", b"shop", b"lang")
SHOP = b"".join(b"CREATE TABLE `ps_%b` (`a` int);\n" % name for name in NAMES)
SEVERAL = b"CREATE DATABASE `other`;\nUSE `other`;\n" + TABLE + b"CREATE DATABASE `shop`;\nUSE `shop`;\n" + SHOP


def test_of_several_databases_the_one_with_a_shop_is_meant(examined):
    facts = examined(SEVERAL)
    assert facts.only == "shop"
    assert facts.tables == ["ps_configuration", "ps_employee", "ps_shop", "ps_lang"]


@pytest.mark.parametrize(
    "names",
    [("table_uiprefs", "column_info", "pdf_pages"), ("societe", "facture", "const", "user"),
     ("setting", "product", "customer", "session")],
)  # fmt: skip
def test_another_applications_database_next_to_it_takes_no_choice_away(examined, names):
    others = "".join(f"CREATE TABLE `x_{name}` (`a` int);\n" for name in names)
    assert examined(SEVERAL + b"USE `tools`;\n" + others.encode()).only == "shop"


@pytest.mark.parametrize("more", [b"USE `third`;\n" + SHOP, b"USE `other`;\n" + SHOP])
def test_two_databases_with_a_shop_leave_no_choice(examined, more):
    with pytest.raises(ShoplaunchError, match="2 of them with a shop or site") as refused:
        examined(SEVERAL + more)
    assert refused.value.code == "dump_names_database"
