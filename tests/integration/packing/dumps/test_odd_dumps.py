"""Whatever a dump holds and however it is written: what the packer reads is what the mariadb client would import."""

import os
import random
from pathlib import Path

import pytest

from controller.bundles.source.database.open_source import load_dump
from controller.bundles.source.servers.scratch import open_scratch
from shared.errors import ShoplaunchError
from tests.support.shops.databases.odd_databases import Odd, client, literal, picture
from tests.support.shops.databases.oddities import ALL, oddities_of
from tests.support.shops.packing import PlainPlan, packed, server_url

NIGHTLY = bool(os.environ.get("SHOPLAUNCH_NIGHTLY"))
#: Ways of mariadb-dump; every one gets a database of its own.
WAYS = {
    "as it is": [],
    "hexadecimal": ["--hex-blob"],
    "a row a statement": ["--skip-extended-insert", "--complete-insert"],
    "nothing but statements": ["--compact", "--skip-opt"],
    "without its settings": ["--skip-set-charset", "--skip-comments", "--skip-tz-utc"],
    "replacing": ["--replace", "--order-by-primary", "--no-autocommit"],
    "for another server": ["--skip-add-locks", "--skip-disable-keys", "--insert-ignore"],
}  # fmt: skip
#: Of every run, the first in which all oddities are met; the others are the nightly run's.
USUAL = 2
SEEDS = range(25) if NIGHTLY else [USUAL]


@pytest.fixture
def compare(mariadb_server, tmp_path):
    """A function: load a dump (bytes) as the packer does and by the client; return both pictures."""
    made = []
    with open_scratch(server_url(mariadb_server), lambda _: None) as scratch:

        def run(script, *options):
            path = tmp_path / "shop.sql"
            path.write_bytes(script)
            mine, notes = load_dump(path, scratch, lambda _: None)
            assert notes == []
            theirs = mariadb_server.new_database()[0]
            made.append(theirs)
            mariadb_server.query(f"ALTER DATABASE `{theirs}` COLLATE utf8mb4_general_ci")
            client(mariadb_server, theirs, script, *options)
            return picture(mariadb_server, mine), picture(mariadb_server, theirs)

        yield run
    for name in made:
        mariadb_server.query(f"DROP DATABASE `{name}`")
        mariadb_server.query(f"DROP USER `{name}`@localhost")


@pytest.fixture
def odd(mariadb_server):
    """A function that makes an odd database from a seed."""
    made = []

    def make(seed, **more):
        made.append(Odd(mariadb_server, seed, **more))
        return made[-1]

    yield make
    for one in made:
        one.drop()


def made_up(odd, way, seed):
    """Return the odd database that is dumped in this way."""
    # Their values are in the dump, and only its settings make a server pass over them
    return odd(f"{way} {seed}", generated=way != "nothing but statements")


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", WAYS)
def test_the_packer_reads_a_dump_as_the_client_does(compare, odd, mariadb_server, way, seed):
    database = made_up(odd, way, seed)
    mine, theirs = compare(database.dump(*WAYS[way]))
    assert len(mine) >= 3 * 2 + 2 + 1 + 2
    assert mine == theirs


def test_every_oddity_is_in_what_any_run_makes_up(odd, mariadb_server):
    met = set()
    for way, options in WAYS.items():
        database = made_up(odd, way, USUAL)
        met |= oddities_of(mariadb_server, database.name, database.dump(*options))
    assert met == ALL


#: Each kept in a file of its own: they are bytes in several character sets.
FORMS = sorted((Path(__file__).parent / "odd_dumps").glob("*.sql"))


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_a_dump_written_by_hand_is_read_as_the_client_reads_it(compare, form):
    # Where lines end in CR and LF inside of strings, they are data
    mine, theirs = compare(form.read_bytes(), *(["--binary-mode"] if form.stem == "line_ends" else []))
    assert mine == theirs
    assert [key for key in mine if key[0] == "CHECKSUM"]


@pytest.fixture
def large_packets(mariadb_server):
    """The server takes statements of a large row."""
    (before,) = mariadb_server.query("SELECT @@GLOBAL.max_allowed_packet")[0]
    mariadb_server.query("SET GLOBAL max_allowed_packet = 268435456")
    yield
    mariadb_server.query(f"SET GLOBAL max_allowed_packet = {before}")


@pytest.mark.sampled(of=2, rests=True)
def test_a_row_of_sixteen_megabytes_comes_whole(compare, mariadb_server, large_packets, odd):
    database = odd(0)
    noise = random.Random(16).randbytes(16 * 1024 * 1024)
    mariadb_server.query("CREATE TABLE large (id int PRIMARY KEY, data longblob)", database=database.name)
    mariadb_server.query(f"INSERT INTO large VALUES (1, {literal(noise)}), (2, 'small')", database=database.name)
    mine, theirs = compare(database.dump())
    original = mariadb_server.query("CHECKSUM TABLE large", database=database.name)[0][1]
    assert mine["CHECKSUM", "large"] == theirs["CHECKSUM", "large"] == original


def test_a_dump_that_changes_what_a_backslash_means_is_refused(compare):
    with pytest.raises(ShoplaunchError, match="dump_statement_unknown"):
        compare(
            b"SET sql_mode='NO_BACKSLASH_ESCAPES';\nCREATE TABLE t (a text);\nINSERT INTO t VALUES ('\\'),('; --');\n"
        )


def test_the_bundle_of_an_odd_database_holds_what_its_dump_held(mariadb_server, odd, tmp_path, docroot, url_of):
    database = odd("bundle")
    dump = tmp_path / "shop.sql"
    dump.write_bytes(database.dump())
    made = packed(
        docroot, tmp_path / "shop.bundle", PlainPlan(b"nowhere.template.example"), dump=dump, scratch=url_of()
    )
    rows = {table["name"]: table["rows"] for table in made.manifest["tables"]}
    names = [name for kind, name in picture(mariadb_server, database.name) if kind == "TABLE"]
    assert rows == {
        name: mariadb_server.query(f"SELECT COUNT(*) FROM `{name.replace('`', '``')}`", database=database.name)[0][0]
        for name in names
    }
