"""`make sbom`: the archives of addon and client, and what each artefact is made of."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

from tests.pages import PROJECT

BUILDER = PROJECT / "packaging" / "artefacts" / "build.py"


def build(folder):
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run([sys.executable, str(BUILDER), "--output", str(folder)], env=environment, check=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("artefacts")
    build(made)
    return made


def test_each_has_a_digest_that_matches(folder):
    sums = sorted(path.name for path in folder.glob("*.sha256"))
    assert [name.split("_")[0] for name in sums] == ["shoplaunch-addon", "shoplaunch-agent", "shoplaunch-client"]
    subprocess.run(["sha256sum", "--check", "--quiet", *sums], cwd=folder, check=True)


def test_two_builds_of_a_commit_give_the_same_bytes(folder, tmp_path):
    assert build(tmp_path) == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["shoplaunch-addon", "shoplaunch-client"])
def test_a_bill_names_every_file_of_its_archive(folder, name):
    (archive,) = folder.glob(f"{name}_*.zip")
    bill = json.loads(archive.with_suffix(".cdx.json").read_text())
    carried = {path.partition("/")[2] for path in zipfile.ZipFile(archive).namelist()}
    assert {part["name"] for part in bill["components"]} == carried
    assert carried >= {"shoplaunch-addon": {"addons/shoplaunch/hooks.php"}, "shoplaunch-client": {"sign.sh"}}[name]


def test_the_agents_bill_names_its_libraries_and_its_modules(folder):
    (bill,) = folder.glob("shoplaunch-agent_*.cdx.json")
    names = {part["name"] for part in json.loads(bill.read_text())["components"]}
    assert {"PyMySQL", "itsdangerous", "ecdsa", "six", "agent/__main__.py", "shared/job.py"} <= names
