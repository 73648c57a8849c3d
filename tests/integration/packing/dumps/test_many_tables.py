"""Packing many tables: the work grows with their number and not faster, and what no agent could report is refused."""

import re

import pytest

from controller.bundles import pipeline as compiling
from controller.bundles.pack import data_packer
from shared.errors import ShoplaunchError
from tests.support.shops.databases.many_tables import make_tables
from tests.support.shops.packing import packed, server_url


@pytest.fixture
def template(mariadb_server, docroot):
    """A function: number of tables, and more of a request -> pack a template with so many."""
    made = []

    def packing(count, **more):
        made.append(f"tables_{count}")
        make_tables(mariadb_server, made[-1], count)
        target = docroot.parent / f"{count}.bundle"
        url = server_url(mariadb_server)
        return packed(docroot, target, database=server_url(mariadb_server, made[-1]), scratch=url, **more)

    yield packing
    for name in made:
        mariadb_server.query(f"DROP DATABASE `{name}`")


@pytest.fixture
def asked(mariadb_server):
    """A function that returns what the server was asked since the last call."""
    mariadb_server.query("SET GLOBAL log_output = 'TABLE', general_log = 1")

    def since():
        found = mariadb_server.query("SELECT argument FROM mysql.general_log WHERE command_type = 'Query'")
        mariadb_server.query("TRUNCATE mysql.general_log")
        return [row[0] for row in found]

    yield since
    mariadb_server.query("SET GLOBAL general_log = 0, log_output = 'FILE'")
    mariadb_server.query("TRUNCATE mysql.general_log")


def test_four_times_the_tables_are_four_times_the_questions_and_none_pairs_all_with_all(asked, template):
    counts = []
    for count in (8, 32):
        asked()
        template(count)
        questions = asked()
        counts.append(len(questions))
    # Servers compare each row of one such view with each of the other
    assert [one for one in questions if "information_schema" in one and re.search(r"\bJOIN\b", one)] == []
    assert 8 * 10 < counts[0] < counts[1] < 4 * counts[0]


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("check", [False, True], ids=["packed", "checked"])
@pytest.mark.parametrize(
    ("module", "limit"),
    [(data_packer, "MAX_TABLES_BYTES"), (compiling, "MAX_MANIFEST_BYTES")],
    ids=["report", "manifest"],
)
def test_more_tables_than_can_be_proved_are_refused(template, monkeypatch, docroot, module, limit, check):
    monkeypatch.setattr(module, limit, 600)
    with pytest.raises(ShoplaunchError) as caught:
        template(20, check=check)
    assert caught.value.code == "template_too_large" and "20 tables" in caught.value.message
    assert [path.name for path in docroot.parent.iterdir()] == [docroot.name]
