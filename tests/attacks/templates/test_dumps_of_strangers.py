"""A dump of a stranger reads and writes no file, and reaches nothing but the database it is loaded into."""

import os
import subprocess
from pathlib import Path

import pytest

from controller.bundles.source.database import open_source
from controller.bundles.source.servers import connections
from controller.bundles.source.servers.private_server import private_server
from controller.bundles.source.servers.scratch import LOADER, open_scratch
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.shops.packing import server_url

TABLE = b"CREATE TABLE `t` (`id` int, `text` longtext);\n"


@pytest.fixture(scope="module")
def scratch():
    """The packer's own server."""
    with open_scratch(None, lambda _: None) as made:
        yield made


@pytest.fixture
def load(scratch, tmp_path):
    """A function: load a dump (bytes) as the packer does; return (its tables' rows, its routines)."""

    def run(content, on=scratch, written=None):
        path = tmp_path / "shop.sql"
        path.write_bytes(content)
        if written is not None:
            os.utime(path, (written, written))
        with open_source.open_source(None, path, on, lambda _: None) as source:
            for table in source.tables.values():
                source.create_text(table.name)
            return {name: list(source.rows(table)) for name, table in source.tables.items()}, source.routines()

    return run


@pytest.fixture
def refused(load):
    """A function: the message with which a dump (bytes) is refused, before anything of it runs."""

    def run(content, code="dump_statement_refused"):
        with pytest.raises(ShoplaunchError) as problem:
            load(content)
        assert problem.value.code == code
        return problem.value.message

    return run


READING = {
    "in a row": (b"INSERT INTO `t` VALUES (1,'x'),\n (2,LOAD_FILE('/etc/passwd'));\n", "line 3, column 5"),
    "inside of a pure function": (b"INSERT INTO `t` VALUES (1,UNHEX(LOAD_FILE('/etc/passwd')));\n", "column 27"),
    "by a quoted name": (b"INSERT INTO `t` VALUES (1,`load_file`('/etc/passwd'));\n", "line 2"),
    "by a query": (b"INSERT INTO `t` VALUES (1,(SELECT User FROM mysql.user LIMIT 1));\n", "line 2"),
    "by rows of a query": (b"INSERT INTO `t` SELECT 1, LOAD_FILE('/etc/passwd');\n", "line 2"),
    "by a variable": (b"SET @a = LOAD_FILE('/etc/passwd');\nINSERT INTO `t` VALUES (1,@a);\n", "line 2"),
    "by a row's new value": (
        b"INSERT INTO `t` VALUES (1,'x') ON DUPLICATE KEY UPDATE `text`=LOAD_FILE('/etc/passwd');\n", "line 2",
    ),
    "by a default": (b"CREATE TABLE `u` (`a` int, `b` text DEFAULT (load_file('/etc/passwd')));\n", "line 2"),
    "by a computed column": (b"CREATE TABLE `u` (`a` int, `b` text AS (load_file('/etc/passwd')));\n", "line 2"),
    "by an added column": (b"ALTER TABLE `t` ADD `b` text DEFAULT (LOAD_FILE ('/etc/passwd'));\n", "line 2"),
    "by a table of a query": (b"CREATE TABLE `u` AS SELECT LOAD_FILE('/etc/passwd') AS `a`;\n", "line 2"),
    "by a table elsewhere": (b"CREATE TABLE `u` (`a` text) ENGINE=CONNECT FILE_NAME='/etc/passwd';\n", "line 2"),
    "by a view": (b"CREATE VIEW `v` AS SELECT LOAD_FILE('/etc/passwd') AS `a`;\n", "line 2"),
    "by a function": (b"CREATE FUNCTION f() RETURNS text RETURN LOAD_FILE('/etc/passwd');\n", "line 2"),
}  # fmt: skip


@attack("A dump reads a file of the machine: in a row, a default, a computed column, a view, a function",
        "it is refused with line, column and reason before any of it runs")  # fmt: skip
@pytest.mark.parametrize("case", READING)
def test_a_dump_that_reads_a_file_is_refused_before_it_runs(refused, case):
    content, where = READING[case]
    message = refused(TABLE + content)
    assert f"at {where}" in message or where in message
    assert "passwd" not in message


WRITING = {
    "a trigger": b"CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW SELECT 1 INTO OUTFILE '%b';\n"
    b"INSERT INTO t VALUES (1,'x');",
    "a view": b"CREATE VIEW v AS SELECT 1 INTO DUMPFILE '%b';",
    "a procedure": b"DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1\nINTO -- c\nOUTFILE '%b'; END;;\nDELIMITER ;\n",
    "a library": b"CREATE FUNCTION f RETURNS INTEGER SONAME '%b';",
}


@attack("A trigger, view or routine of a dump writes a file", "it is refused before it is made, and there is no file")
@pytest.mark.parametrize("case", WRITING)
def test_a_dump_that_writes_a_file_is_refused(refused, tmp_path, case):
    target = tmp_path / "written"
    tmp_path.chmod(0o777)
    refused(TABLE + WRITING[case] % bytes(target) + b"\n")
    assert not target.exists()


#: For versions no server has, for MySQL's own, and for every server.
MARKS = (b"/*!99999 ", b"/*!80000 ", b"/*M!999999 ", b"/*!40000 ", b"/*M!100000 ", b"/*! ")
HIDDEN = (
    b"INSERT INTO `t` VALUES (1,%b ' */ LOAD_FILE('/etc/passwd') %b ' */ );\n",
    b"INSERT INTO `t` VALUES (1,%b LOAD_FILE('/etc/passwd')), (2, %b 'x' */ */ );\n",
    b"%b CREATE TABLE x (a int) */ SELECT 1 INTO OUTFILE '/tmp/x' %b */;\n",
    b"%b SET @a = 1 */ DO LOAD_FILE('/etc/passwd') %b */;\n",
    b"%b CREATE TABLE y (a int, %b b text DEFAULT (LOAD_FILE('/etc/passwd')) */ */ );\n",
)


@attack("A file is read behind a conditional comment that one reader takes for code and another for a comment",
        "servers get what was judged, without any comment: nothing of the file is in the rows")  # fmt: skip
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_no_conditional_comment_takes_anything_past_the_judge(load, monkeypatch, mark, hidden):
    sent = []
    monkeypatch.setattr(open_source._Loader, "_send", lambda _, sql, kind: sent.append(sql))
    try:
        rows, _ = load(TABLE + hidden % (mark, mark))
        assert rows == {}
    except ShoplaunchError as problem:
        assert problem.code.startswith("dump_")
    assert not [one for one in sent if b"/*" in one or b"OUTFILE" in one]
    # In a string it is a text as any other
    assert not [one for one in sent if b"LOAD_FILE" in one and b"' */ LOAD_FILE('" not in one]


@attack("A comment of dashes and a control character hides code from the packer that the server runs",
        "both take it for the same comment")  # fmt: skip
def test_a_comment_is_the_same_to_packer_and_server(load):
    hidden = b"INSERT INTO `t` VALUES (1,'a') --\x01 ' \n,(2,'b'); -- '\n"
    rows, _ = load(TABLE + hidden)
    assert rows == {"t": [(b"1", b"a"), (b"2", b"b")]}


TRICKS = {
    "a mode in one word": b"SET sql_mode='NO_BACKSLASH_ESCAPES';\n",
    "a mode in parts": b"SET sql_mode=CONCAT('NO_BACKSLASH','_ESCAPES');\n",
    "a mode by its number": b"SET sql_mode=1048576;\n",
    "a mode by a variable": b"SET @a='NO_BACKSLASH_';\nSET sql_mode=CONCAT(@a,'ESCAPES');\n",
    "a character set": b"SET NAMES gbk;\n",
    "a character set in parts": b"SET @a=CONCAT('gb','k');\nSET character_set_client=@a;\n",
}
#: Under each of them a server reads the second value as code.
CODE = b"INSERT INTO `t` VALUES (1,'\xbf\\',(SELECT 1)); -- ');\n"


@attack("A setting, whole or put together from parts, makes strings end elsewhere for the server than for the packer",
        "the dump is refused at that setting")  # fmt: skip
@pytest.mark.parametrize("case", TRICKS)
def test_no_setting_changes_where_a_string_ends(load, case):
    with pytest.raises(ShoplaunchError) as problem:
        load(TABLE + TRICKS[case] + CODE)
    assert problem.value.code in ("dump_statement_refused", "dump_statement_unknown")


#: To a server that reads latin1, byte A0 is a blank: these hold what others of this module do.
PARTED = {
    "a function": b"CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.text=LOAD_FILE\xa0('/etc/passwd');",
    "two words": b"CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW SELECT 1 INTO\xa0OUTFILE '/tmp/x';",
    "an engine": b"CREATE TABLE u (a int) ENGINE=\xa0CONNECT FILE_NAME='/etc/passwd';",
    "a comment": b"CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW SET @a=1 --\xa0'\n + SLEEP/* */(9) -- ' \n;",
}


@attack("A dump's character set has a blank, or a sign that begins a comment, which is a letter to the packer",
        "no such sign hides a word: the dump is refused before any of it runs")  # fmt: skip
@pytest.mark.parametrize("case", PARTED)
def test_no_blank_of_another_character_set_hides_a_word(refused, case):
    assert "line 3" in refused(TABLE + b"SET NAMES latin1;\n" + PARTED[case] + b"\n")


LEAVING = {
    "another database's rows": (b"CREATE VIEW v AS SELECT User FROM mysql.user;", "dump_failed"),
    "a second database": (b"CREATE TABLE other.t (a int);", "dump_names_database"),
    "a row elsewhere": (b"INSERT INTO mysql.user VALUES (1);", "dump_names_database"),
    "the server's accounts": (b"GRANT ALL ON *.* TO CURRENT_USER;", "dump_statement_unknown"),
    "an account": (b"CREATE USER x;", "dump_statement_unknown"),
    "a setting of the server": (b"SET GLOBAL general_log_file='/tmp/x';", "dump_statement_unknown"),
    "one after another": (b"SET @a=1, @@GLOBAL.general_log=1;", "dump_statement_unknown"),
    "a table of another database": (b"DROP TABLE IF EXISTS `u`, mysql.user;", "dump_statement_refused"),
    "an event": (b"CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO SELECT 1;", "dump_statement_unknown"),
    "a file of the client": (b"LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;", "dump_statement_unknown"),
    "a command of the client": (b"\\! touch /tmp/x\n;", "dump_statement_unknown"),
    "a file of commands": (b"source /etc/passwd\n;", "dump_statement_unknown"),
    "a command behind a row": (b"INSERT INTO t VALUES (1,'x') \\! touch /tmp/x\n;", "dump_statement_refused"),
    "two statements in one": (b"DELIMITER $$\nINSERT INTO t VALUES (1,'x'); DROP DATABASE mysql $$\n",
                              "dump_statement_refused"),
    "two definitions in one": (b"DELIMITER $$\nCREATE TABLE u (a int); CREATE DATABASE x $$\n",
                               "dump_statement_refused"),
    "a delimiter that is a quote": (b"DELIMITER '\nINSERT INTO t VALUES (1, LOAD_FILE(' ", "dump_statement_refused"),
    "a wait without end": (b"CREATE VIEW v AS SELECT SLEEP(100000);", "dump_statement_refused"),
}  # fmt: skip


@attack("A dump leaves its database: accounts, settings, other databases, events, commands of the client",
        "it is refused, by the judge or by its user's rights")  # fmt: skip
@pytest.mark.parametrize("case", LEAVING)
def test_a_dump_stays_in_its_database(refused, case):
    content, code = LEAVING[case]
    refused(TABLE + content + b"\n", code)


@attack("A table keeps its files where the dump says", "they lie where the server keeps all: nothing is written there")
def test_a_dump_does_not_choose_where_a_tables_files_lie(load, tmp_path):
    tmp_path.chmod(0o777)
    content = b"CREATE TABLE `u` (`a` int) ENGINE=InnoDB DATA DIRECTORY='%b' COMMENT='x';\n" % bytes(tmp_path)
    load(content + content.replace(b"`u`", b"`w`").replace(b"InnoDB", b"MyISAM"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shop.sql"]


ENDLESS = TABLE + (
    b"DELIMITER ;;\nCREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN WHILE 1 DO SET @a = 1; END WHILE; END;;\n"
    b"DELIMITER ;\nINSERT INTO t VALUES (1,'x');\n"
)


@attack("A trigger of a dump never ends, so that packing, or the operator's server, is busy with it for ever",
        "the statement is given up and ended, and the dump refused with its place")  # fmt: skip
@pytest.mark.parametrize("is_private", [True, False])
def test_a_statement_that_never_ends_is_ended(load, mariadb_server, monkeypatch, is_private):
    monkeypatch.setattr(connections, "STATEMENT_SECONDS", 2)
    with open_scratch(None if is_private else server_url(mariadb_server), lambda _: None) as scratch:
        with pytest.raises(ShoplaunchError, match="does not end within 2 s") as problem:
            load(ENDLESS, scratch)
        assert problem.value.code == "dump_failed"
        assert "line 5" in problem.value.message
    if not is_private:
        running = "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE %s"
        assert not mariadb_server.query(running, "INSERT INTO t VALUES (1,%")


def test_rows_of_every_tool_are_literals_and_are_loaded(load):
    rows = (
        b"INSERT IGNORE INTO `t` (`id`,`text`) VALUES (1,_utf8mb4'a' 'b'),(-1, x'61'),(0x02,NULL);\n"
        b"REPLACE INTO t SET id=3, `text`=CONVERT(_binary 'a' USING utf8mb4);\n"
        b"INSERT INTO t VALUES (DEFAULT, UNHEX('61')),(+1.5e0, b'01100001')"
        b" ON DUPLICATE KEY UPDATE text=VALUES(text);\n"
        b"CREATE TABLE g (i int, p point);\n"
        b"INSERT INTO g VALUES (1,ST_GeomFromText('POINT(1 2)')),(1,GeomFromWKB(x'%b'));\n"
    ) % b"0101000000000000000000F03F0000000000000040"
    found, _ = load(TABLE + rows)
    assert len(found["t"]) == 6
    assert found["g"][0] == found["g"][1]


def test_times_of_the_clock_are_the_dumps_own(load):
    rows = [load(TABLE + b"INSERT INTO t VALUES (1, NOW());\n", written=1_600_000_000)[0]["t"] for _ in range(2)]
    assert rows == [[(b"1", b"2020-09-13 12:26:40")]] * 2


def test_views_triggers_and_routines_of_a_dump_are_kept_without_who_defined_them(load):
    content = (
        b"/*!50001 CREATE ALGORITHM=UNDEFINED */ /*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */"
        b" /*!50001 VIEW `v` AS select `t`.`id` AS `id` from `t` */;\nDELIMITER ;;\n"
        b"/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER g BEFORE INSERT ON t FOR EACH ROW"
        b" BEGIN SET NEW.text='y'; END */;;\n"
        b"CREATE DEFINER=`root`@`%` PROCEDURE p() BEGIN SELECT 1; END;;\nDELIMITER ;\n"
    )
    _, made = load(TABLE + content)
    assert [(one.kind, one.name) for one in made] == [("procedure", "p"), ("view", "v"), ("trigger", "g")]
    assert not [one for one in made if "DEFINER=" in one.create]


@attack("What runs on the packer's own server reads or writes files with the rights of its administrator",
        "the server opens one folder, which is empty and closed, and no account has the right FILE")  # fmt: skip
def test_the_private_server_opens_no_file_even_to_its_administrator(scratch, tmp_path):
    tmp_path.chmod(0o777)
    with scratch._administrator() as connection:
        (allowed,) = connection.one("SELECT @@secure_file_priv")
        assert list(Path(os.fsdecode(allowed)).iterdir()) == []
        inside = os.fsdecode(allowed) + "written"
        for target in (tmp_path / "written", inside):
            with pytest.raises(ShoplaunchError):
                connection.query(f"SELECT 1 INTO OUTFILE '{target}'")
        assert connection.one("SELECT LOAD_FILE('/etc/passwd')") == (None,)
        settings = connection.one("SELECT @@local_infile, @@event_scheduler, @@have_symlink, @@skip_networking")
        assert settings == (b"0", b"DISABLED", b"DISABLED", b"1")
    assert not (tmp_path / "written").exists()


@attack("The dump's session uses rights beyond its database", "its user has none")
def test_the_user_of_a_dump_has_rights_in_its_database_alone(scratch):
    mine, others = scratch.new_database(role=LOADER), scratch.new_database()
    with scratch.connection(mine) as connection:
        grants = connection.names("SHOW GRANTS")
        assert [one.partition(" ON ")[0] for one in grants if " ON *.* " in one] == ["GRANT USAGE"]
        assert not [one for one in grants if "GRANT OPTION" in one or "FILE" in one or "EVENT" in one]
        for statement in (
            f"USE `{others}`",
            "SELECT * FROM mysql.user",
            "CREATE DATABASE x",
            "SET GLOBAL sql_mode=''",
            "CREATE USER x",
            f"CREATE TABLE `{others}`.t (a int)",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
        ):
            with pytest.raises(ShoplaunchError, match=r"denied"):
                connection.query(statement)


@attack("A program of another account connects to the packer's server, or runs as its uid",
        "its folder is closed to all others, and its uid is nobody's")  # fmt: skip
@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root: otherwise the server runs as who packs")
def test_the_private_server_has_a_uid_of_its_own_and_a_closed_folder():
    with private_server(lambda _: None) as first, private_server(lambda _: None) as second:
        owners = set()
        for address in (first, second):
            folder = Path(address.socket).parent
            status = folder.stat()
            assert status.st_mode & 0o077 == 0
            owners.add(status.st_uid)
            pid = (folder / "pid").read_text().strip()
            text = Path(f"/proc/{pid}/status").read_text()
            assert f"Uid:\t{status.st_uid}\t{status.st_uid}\t{status.st_uid}\t{status.st_uid}" in text
            assert "NoNewPrivs:\t1" in text
            as_other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "mariadb", "--no-defaults"]
            done = subprocess.run([*as_other, f"--socket={address.socket}", "-uroot", "-e", "SELECT 1"],
                                  capture_output=True, check=False)  # fmt: skip
            assert done.returncode != 0
        named = {int(line.split(":")[2]) for line in Path("/etc/passwd").read_text().splitlines()}
        assert len(owners) == 2
        assert not owners & (named | {0})


@attack("A dump is loaded with the rights of the operator's user of `--scratch`, who is the server's administrator",
        "a user of that database alone is made for it, and is gone afterwards")  # fmt: skip
def test_on_the_operators_server_a_dump_is_loaded_by_a_user_of_its_own(mariadb_server, load):
    before = mariadb_server.query("SELECT User FROM mysql.user ORDER BY 1")
    with open_scratch(server_url(mariadb_server), lambda _: None) as scratch:
        rows, _ = load(TABLE + b"INSERT INTO t VALUES (1,'x');\n", on=scratch)
        with pytest.raises(ShoplaunchError) as problem:
            load(b"CREATE VIEW v AS SELECT User FROM mysql.user;\n" + TABLE, on=scratch)
    assert rows == {"t": [(b"1", b"x")]}
    assert problem.value.code == "dump_failed"
    assert mariadb_server.query("SELECT User FROM mysql.user ORDER BY 1") == before


@pytest.fixture
def operator(mariadb_server):
    """A function: the URL of a user of the server with `rights` on a place, who can make no other user."""
    made = []

    def make(rights, place):
        name = f"scratcher{len(made)}"
        made.append(name)
        mariadb_server.query(f"CREATE USER `{name}`@localhost")
        mariadb_server.query(f"GRANT {rights} ON {place} TO `{name}`@localhost")
        return server_url(mariadb_server).replace("//root", f"//{name}", 1)

    yield make
    for name in made:
        mariadb_server.query(f"DROP USER `{name}`@localhost")


@attack("The user of `--scratch` has FILE or rights on all databases, and may make no other user",
        "packing ends with `scratch_too_powerful` before the dump is loaded")  # fmt: skip
@pytest.mark.parametrize("rights", ["FILE, CREATE, DROP", "SUPER, CREATE, DROP", "SELECT, CREATE, DROP"])
def test_a_user_of_scratch_with_too_many_rights_is_refused(load, operator, rights):
    with open_scratch(operator(rights, "*.*"), lambda _: None) as scratch, pytest.raises(ShoplaunchError) as problem:
        load(TABLE, on=scratch)
    assert problem.value.code == "scratch_too_powerful"
    assert rights.split(",")[0] in problem.value.message


def test_a_user_of_scratch_with_rights_on_scratch_databases_alone_will_do(load, operator):
    with open_scratch(operator("ALL", "`shoplaunch\\_scratch\\_%`.*"), lambda _: None) as scratch:
        assert load(TABLE, on=scratch)[0] == {"t": []}


@attack("A template's living database has a view or trigger that reads or writes files",
        "packing ends, naming it: it would run in every new shop")  # fmt: skip
def test_what_a_living_database_holds_is_judged_as_a_dump_is(mariadb_server):
    database = mariadb_server.new_database()[0]
    try:
        mariadb_server.query("CREATE TABLE t (id int)", database=database)
        mariadb_server.query("CREATE VIEW v AS SELECT LOAD_FILE('/etc/passwd') AS a", database=database)
        url = server_url(mariadb_server, database)
        with pytest.raises(ShoplaunchError, match="the view v") as problem:
            _routines_of(url)
        assert problem.value.code == "dump_statement_refused"
    finally:
        mariadb_server.query(f"DROP DATABASE `{database}`")
        mariadb_server.query(f"DROP USER `{database}`@localhost")


def _routines_of(url):
    with open_source.open_source(url, None, None, lambda _: None) as source:
        return source.routines()
