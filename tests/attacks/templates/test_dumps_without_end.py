"""A dump of a stranger is judged, split and looked through in bounded time and memory."""

import gzip

import pytest

from controller.bundles.residue.findings import Finding, Place
from controller.bundles.review import dump_lines
from controller.bundles.source.database import open_source
from controller.bundles.source.dumps import dump, sql_judge
from controller.bundles.source.dumps.splitter import Splitter, Statement
from controller.bundles.source.servers.scratch import open_scratch
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.measured import ended

TABLE = b"CREATE TABLE `t` (`id` int, `text` longtext);\n"
MEGABYTE = 1024 * 1024
#: A megabyte each, of which a dump has many.
LINES = {
    "short ones": (b"-- " + b"x" * 1020 + b"\n") * 1024,
    "one": b"x" * MEGABYTE,
    "rows with findings": b"INSERT INTO `t` VALUES (8,'%b shop.example');\n" % (b"x" * MEGABYTE),
}


@pytest.fixture
def refused(tmp_path):
    """A function: the message with which a dump (bytes) is refused."""

    def run(content):
        path = tmp_path / "shop.sql"
        path.write_bytes(content)
        with (
            open_scratch(None, lambda _: None) as scratch,
            pytest.raises(ShoplaunchError) as problem,
            open_source.open_source(None, path, scratch, lambda _: None),
        ):
            pass
        assert problem.value.code == "dump_failed"
        return problem.value.message

    return run


BLANKS = b" " * 4_000_000
LONG = {
    "a routine's words": ("routine", b"CREATE PROCEDURE p() BEGIN " + b"GRANT " * 400_000 + b"END"),
    "blanks before an engine": ("table", b"CREATE TABLE u (a int) ENGINE" + BLANKS + b"InnoDB"),
    "blanks before a directory": ("table", b"CREATE TABLE u (a int) DATA DIRECTORY" + BLANKS + b"x"),
}


@attack("Words, or blanks between them, are such that judging them takes the square of their number in steps",
        "each is looked at once")  # fmt: skip
@pytest.mark.parametrize("case", LONG)
def test_judging_takes_no_longer_than_reading(case):
    kind, text = LONG[case]
    sql_judge.judge(Statement(text, 0, len(text)), kind)
    assert sql_judge.without_directories(text) == text


@attack("A statement is larger than any server takes", "it is refused before more of it is held in memory")
def test_a_statement_without_end_is_refused_while_it_is_read(refused, monkeypatch):
    monkeypatch.setattr(dump, "MAX_STATEMENT_BYTES", 1024 * 1024)
    endless = b"INSERT INTO `t` VALUES (1,'" + b"x" * 3 * 1024 * 1024
    assert "more than 1048576 bytes" in refused(TABLE + endless)


@attack("A statement consists of hundreds of millions of comments, each of which is small and is kept in mind",
        "what is kept of them counts as the statement does")  # fmt: skip
def test_a_statement_of_comments_without_end_is_refused_while_it_is_read(refused, monkeypatch):
    monkeypatch.setattr(dump, "MAX_STATEMENT_BYTES", 1024 * 1024)
    assert "more than 1048576 bytes" in refused(TABLE + b"INSERT /**/" + b"/**/" * 200_000)


@attack("A statement is cut by hundreds of thousands of comments, conditional ones or others",
        "where each stood is kept in two numbers")  # fmt: skip
@pytest.mark.parametrize("comment", [b"/*!*/", b"/**/", b"--\n"], ids=["conditional", "plain", "dashes"])
def test_comments_take_little_more_memory_than_the_statement(comment):
    many, splitter = 20_000, Splitter()
    text = TABLE + b"INSERT INTO `t` VALUES (1," + comment * many + b"x);\n"

    def statements():
        return [*splitter.feed(text), *splitter.finish()]

    [_table, row], memory = ended(statements)
    assert row.byte_of(row.text.index(b"x")) == text.index(b"x);")
    assert memory <= MEGABYTE


@attack("A dump of gigabytes has findings that are looked up in it, one line of it having no end",
        "it is read piece by piece: neither it nor such a line is held in memory")  # fmt: skip
@pytest.mark.parametrize("case", LINES)
def test_lines_of_findings_are_looked_up_in_bounded_memory(tmp_path, monkeypatch, case):
    monkeypatch.setattr(dump_lines, "_LINE_BYTES", MEGABYTE)
    monkeypatch.setattr(dump_lines, "_MOST_KEPT_BYTES", MEGABYTE)
    path = tmp_path / "shop.sql.gz"
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(b"INSERT INTO `t` VALUES (7,'x shop.example');\n")
        for _ in range(64):
            out.write(LINES[case])
    found = Finding("host", Place("t", "text", (("id", "7"),)), "domain", "shop.example")
    [looked_up], memory = ended(lambda: dump_lines.with_dump_lines(path, [found], {"host": b"shop.example"}))
    assert looked_up.dump_line == 1
    assert memory <= 24 * MEGABYTE
