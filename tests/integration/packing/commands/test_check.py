"""`shoplaunch pack --check` tells what a template holds and all that is wrong with it, and leaves nothing behind."""

import json
import os
import re
import shutil
import subprocess

import pytest

from tests.integration.packing.commands.test_command import run
from tests.integration.packing.conftest import DOMAIN
from tests.support.shops.packing import server_url


@pytest.fixture
def checked(sample, mariadb_server, tmp_path):
    """A function: check the sample shop, or `docroot`; return the finished process. Nothing may be left."""
    root, url, password = sample

    def check(*words, docroot=root, source=("--database", url)):
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        done = run("pack", "--check", "--docroot", docroot, *source, "--scratch", server_url(mariadb_server), *words,
                   SHOPLAUNCH_SOURCE_PASSWORD=password, TMPDIR=str(temporary))  # fmt: skip
        assert os.listdir(temporary) == []
        return done

    return check


@pytest.mark.sampled(of=3, rests=True)
def test_a_good_template_is_described_and_no_problem_found(checked):
    done = checked("--full")
    assert done.returncode == 0, done.stderr
    for said in ("Template", "prestashop", "Its files", "Its database", "prefixes", "ps_: ", "no problem was found"):
        assert said in done.stdout


@pytest.mark.sampled(of=2, rests=True)
def test_as_json_the_numbers_are_those_of_tree_and_database(checked, sample, mariadb_server):
    document = json.loads(checked("--json").stdout)
    root, url, _ = sample
    database = url.split("/")[3].split("?")[0]
    files, tables = document["template"]["files"], document["template"]["database"]
    found = mariadb_server.query("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'", database=database)
    assert document["problems"] == [] and document["manifest"]["application"]["name"] == "prestashop"
    assert files["files"] + files["links"] + files["left_out"] == sum(len(names) for _, _, names in os.walk(root))
    assert tables["tables"] == len(found)
    assert tables["rows"] == sum(
        mariadb_server.query(f"SELECT COUNT(*) FROM `{name}`", database=database)[0][0] for name, _ in found
    )


@pytest.mark.sampled(of=2, rests=True)
def test_problems_of_tree_and_database_are_reported_together(checked, sample, mariadb_server, tmp_path):
    root, url, _ = sample
    shutil.copytree(root, tmp_path / "shop")
    (tmp_path / "shop" / "out").symlink_to("/etc/passwd")
    name = url.split("/")[3].split("?")[0]
    command = ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", name]
    dump = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    (tmp_path / "shop.sql").write_bytes(dump.replace(b"`ps_shop_url`", b"`other_shop_url`"))
    done = checked("--json", docroot=tmp_path / "shop", source=("--dump", tmp_path / "shop.sql"))
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert [problem["code"] for problem in document["problems"]] == ["prefix_mismatch", "tree_link_outside"]
    assert document["error"] == document["problems"][0]
    assert set(document["template"]["database"]["prefixes"]) == {"ps_", "other_"}
    assert "ps_shop_url" in document["error"]["message"]


@pytest.mark.sampled(of=2, rests=True)
def test_a_problem_of_packing_is_reported_with_the_description(checked, sample, tmp_path):
    shutil.copytree(sample[0], tmp_path / "shop")
    settings = (tmp_path / "shop" / "app" / "config" / "parameters.php").read_text()
    key = re.search(r"'cookie_key' => '([^']+)'", settings).group(1)
    (tmp_path / "shop" / "img" / "note.txt").write_text(f"kept: {key.encode().hex()}\n")
    done = checked(docroot=tmp_path / "shop")
    assert done.returncode == 1
    assert "Its files" in done.stdout and "Problems" in done.stdout
    assert "residue_in_bundle" in done.stderr and "What to do:" in done.stderr


def test_an_unknown_version_is_reported_with_the_known_ones_and_the_description(checked, sample, tmp_path):
    shutil.copytree(sample[0], tmp_path / "shop")
    version = tmp_path / "shop" / "app" / "AppKernel.php"
    version.write_text(version.read_text().replace("8.2.1", "10.0.0"))
    done = checked(docroot=tmp_path / "shop")
    assert done.returncode == 1
    assert "Its database" in done.stdout and "unknown_version" in done.stderr and "10.0.0" in done.stderr


@pytest.mark.sampled(of=3, rests=True)
def test_a_table_without_a_key_is_named(sample, checked, mariadb_server):
    name = sample[1].split("/")[3].split("?")[0]
    mariadb_server.query("CREATE TABLE ps_unkeyed (host varchar(90)) ENGINE=InnoDB", database=name)
    try:
        mariadb_server.query("INSERT INTO ps_unkeyed VALUES (%s), (%s)", DOMAIN, DOMAIN, database=name)
        document = json.loads(checked("--json").stdout)
        assert document["problems"] == [] and "ps_unkeyed" in document["report"]["tables_without_key"]
    finally:
        mariadb_server.query("DROP TABLE ps_unkeyed", database=name)


def test_without_check_a_bundles_path_is_needed(sample):
    done = run("pack", "--docroot", sample[0], "--database", sample[1])
    assert done.returncode == 2
    assert "-o FILE" in done.stderr
