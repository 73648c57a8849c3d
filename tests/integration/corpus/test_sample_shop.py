"""The corpus runner over a folder that holds our own sample shop: packed, ordered by cron, compared, and found out."""

import json
import subprocess

import pytest

from tests.corpus import live, pack, table
from tests.corpus.compared import compare
from tests.corpus.shops import PASSED, Evidence, shops_below
from tests.corpus.world import world_for
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.shops import sample_shop

pytestmark = [pytest.mark.root, pytest.mark.cron, pytest.mark.sampled(of=2, rests=True, turn="sample")]
DOMAIN = "template-corpus.example"


class Sample:
    """The evidence of one run, and the world it was made in."""

    def __init__(self, shop, evidence, world, jobs):
        self.shop, self.evidence, self.world, self.jobs = shop, evidence, world, jobs
        self.rows = evidence.stages["live"]["shops"]
        self.report = json.loads((evidence.folder / "report.json").read_text())

    def compare(self):
        return compare.compare(self.world, self.shop, self.rows, self.jobs, self.report)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as an operator would make it: the tree and the dump of a shop."""
    folder = tmp_path_factory.mktemp("corpus")
    place = folder / "shops" / "sample"
    place.mkdir(parents=True)
    server = start_private()
    try:
        database = _install(place / "tree", server)
        command = ["mariadb-dump", "--no-defaults", "-uroot", f"-S{server.socket}", database]
        (place / "dump.sql").write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    finally:
        stop_private(server)
    (place / "shop.json").write_text(json.dumps({"application": "sample", "version": "1", "languages": ["en-US"]}))
    return folder


def _install(root, server):
    name, user, password = server.new_database()
    sample_shop.install(root, DOMAIN, f"mysql://{user}@localhost/{name}?unix_socket={server.socket}", password)
    return name


@pytest.fixture(scope="module")
def sample(folder):
    (shop,), refused = shops_below(folder / "shops")
    assert refused == {}
    evidence = Evidence(folder / "out" / shop.id)
    evidence.folder.mkdir(parents=True)
    evidence.keep("pack", pack.pack(shop, evidence.folder, thorough=True))
    packed = evidence.stages["pack"]
    assert packed["state"] == PASSED, packed
    with world_for(packed["php"], packed["bundle"], evidence.folder) as world:
        found, jobs = live.live(world, shop, {})
        evidence.keep("live", found)
        yield Sample(shop, evidence, world, jobs)


def test_it_is_packed_as_a_newcomer_would_and_twice_to_the_same_bytes(sample):
    packed = sample.evidence.stages["pack"]
    assert packed["same_bytes"] and packed["size"] > 0
    assert pack.command(sample.shop, "B")[1:] == [
        "pack", "--docroot", str(sample.shop.tree), "--dump", str(sample.shop.dump), "-o", "B", "--json",
    ]  # fmt: skip


def test_three_shops_live_by_cron_one_of_them_killed(sample):
    found = sample.evidence.stages["live"]
    assert (found["state"], found["live"], found["of"]) == (PASSED, 3, 3), found
    assert {name: row["folder"] for name, row in sample.rows.items()} == {"root": "", "folder": "boutique", "idn": ""}
    assert sample.rows["idn"]["domain"].startswith("xn--")
    assert {row["php"] for row in sample.rows.values()} != {""}


def unexplained(found):
    """Return what of a comparison nothing explains: in tables, in files, residue."""
    left = found["residue"]
    return found["tables"]["unexplained"], found["tree"]["unexplained"], [*left["files"], *left["tables"]]


def test_nothing_of_it_differs_without_a_reason(sample):
    found = sample.compare()
    assert unexplained(found) == ([], [], []) and found["state"] == PASSED
    assert found["tables"]["tables"] > 10 and found["tables"]["explained"]["replaced"] > 0
    assert found["tree"]["same"] > 10 and found["tree"]["explained_total"] > 0
    evidence = sample.evidence
    evidence.keep("compare", found)
    assert "3 of 3" in table.markdown([sample.shop], {sample.shop.id: evidence})


def test_a_planted_difference_and_planted_residue_are_found(sample):
    job = sample.jobs["idn"]
    database, root = sample.world.database(job), sample.world.root(job)
    sample.world.sql("UPDATE ps_product SET price = price + 1 ORDER BY id_product LIMIT 1", database=database)
    sample.world.sql("DELETE FROM ps_category ORDER BY id_category DESC LIMIT 1", database=database)
    text = f"see http://{DOMAIN}/\n"
    (root / "note.html").write_text(text)
    sample.world.sql(
        "INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES ('PLANTED', %s, '2020-01-01', NOW())",
        text,
        database=database,
    )
    found = sample.compare()
    tables = {(one["table"], one["what"].split(":")[0].split(" (")[0]) for one in found["tables"]["unexplained"]}
    assert tables == {("product", "price"), ("category", "row is missing"), ("configuration", "row is new")}
    assert [one["file"] for one in found["tree"]["unexplained"]] == ["note.html"]
    left = {
        one.get("file") or one["table"]: one["what"]
        for one in [*found["residue"]["files"], *found["residue"]["tables"]]
    }
    assert left == {"note.html": f"domain {DOMAIN}", "ps_configuration": f"domain {DOMAIN}"}
