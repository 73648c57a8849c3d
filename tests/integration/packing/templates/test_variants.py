"""Variants of a template: declared in a file, proved one by one, packed together with what every shop is made of."""

import gzip
import json
import os

import pytest

from controller.bundles.residue.bundle_reader import open_bundle
from controller.bundles.summary import sections
from shared.errors import ShoplaunchError
from tests.support.shops.packing import PlainPlan, packed

SHOP = """
CREATE TABLE settings (id int NOT NULL AUTO_INCREMENT, name varchar(60) NOT NULL, value text, at datetime, PRIMARY KEY (id));
INSERT INTO settings VALUES (1,'THEME','classic','2020-01-01'),(2,'HOME','http://shop.template.example/','2020-01-01');
CREATE TABLE blocks (id int NOT NULL, hook varchar(20), html text, price double, position int NOT NULL DEFAULT 0,
  twice int AS (position * 2) STORED, PRIMARY KEY (id));
INSERT INTO blocks (id, hook, html, price, position) VALUES (1,'home','<a href=\"http://shop.template.example/x\">x</a>',1.5,1),
  (2,'home','plain',2.5,2),(3,'foot','foot',0,3);
CREATE TABLE hosts (id int NOT NULL, host varchar(60), PRIMARY KEY (id));
INSERT INTO hosts VALUES (1,'shop.template.example');
CREATE TABLE log (id int NOT NULL AUTO_INCREMENT, note varchar(60), PRIMARY KEY (id));
"""  # noqa: E501 - SQL is read by the row


@pytest.fixture(scope="module")
def shop(mariadb_server):
    """The name of a database with SHOP in it."""
    name = "variants_shop"
    mariadb_server.query(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    for statement in SHOP.split(";\n"):
        if statement.strip():
            mariadb_server.query(statement.replace('\\"', '"'), database=name)
    yield name
    mariadb_server.query(f"DROP DATABASE {name}")


@pytest.fixture
def pack(docroot, shop, url_of, tmp_path):
    """A function: the text of a variants file -> (controller.bundles.pipeline.Packed, the bundle's path)."""

    def packing(text, target="v.bundle"):
        declared = tmp_path / "variants.toml"
        declared.write_text(text, "utf-8")
        path = tmp_path / target
        made = packed(docroot, path, database=url_of(shop), scratch=url_of(), variants=declared)
        return made, path

    return packing


@pytest.fixture
def trigger(mariadb_server, shop):
    """A function: what a trigger does after every change of `blocks`; it is gone after the test."""

    def make(action):
        sql = f"CREATE TRIGGER blocks_after AFTER UPDATE ON blocks FOR EACH ROW {action}"
        mariadb_server.query(sql, database=shop)

    yield make
    mariadb_server.query("DROP TRIGGER IF EXISTS blocks_after", database=shop)


def refused(pack, tmp_path, text):
    """Return what is said of a variants file that is refused; nothing is left where the bundle was to be."""
    with pytest.raises(ShoplaunchError) as caught:
        pack(text)
    assert caught.value.code == "variant_invalid", caught.value
    assert not (tmp_path / "v.bundle").exists()
    return caught.value.message


def document(path):
    """Return what the bundle at `path` says its variants change."""
    with open_bundle(path) as bundle:
        (member,) = [one for one in bundle.manifest["members"] if one["kind"] == "variants"]
        return json.loads(gzip.decompress(bundle.read(member)))


def files_of(path, variant):
    """Return name -> content of the files of one variant."""
    import io
    import tarfile

    found = {}
    with open_bundle(path) as bundle:
        for member in bundle.manifest["members"]:
            if member.get("variant") == variant:
                with tarfile.open(fileobj=io.BytesIO(gzip.decompress(bundle.read(member)))) as archive:
                    found |= {one.name: archive.extractfile(one).read() for one in archive if one.isfile()}
    return found


SIXTEEN = "".join(
    f'[v{number:02}]\ntitle = "Look {number}"\nconfiguration.THEME = "look{number}"\n'
    f'[[v{number:02}.rows]]\ntable = "blocks"\nwhere = {{ hook = "home" }}\nset = {{ position = {number} }}\n'
    for number in range(16)
)


def test_sixteen_variants_are_packed_each_with_its_own_proof(pack):
    made, path = pack(SIXTEEN)
    listed = made.manifest["variants"]
    assert [one["name"] for one in listed] == [f"v{number:02}" for number in range(16)]
    assert listed[7] == {"name": "v07", "title": "Look 7", "entries": 0, "rows": {}}
    said = document(path)
    digests = {name: [table["digest"] for table in part["tables"]] for name, part in said.items()}
    assert len({json.dumps(one) for one in digests.values()}) == 16
    assert [table["name"] for table in said["v03"]["tables"]] == ["blocks", "settings"]
    assert said["v03"]["statements"][0]["params"] == ["look3", "THEME"]
    (bundle, *_rest) = sections(made.manifest, made.size, made.report)
    assert ("variants to choose from", "16") in bundle.rows
    # Two rows are meant, and two are read back
    assert said["v03"]["statements"][1]["check"]["expect"] == ["2"]


def test_what_one_variant_changes_is_not_there_for_the_next(pack):
    first = '[a]\nconfiguration.THEME = "x"\n[[a.rows]]\ntable = "blocks"\nwhere = { id = 3 }\nset = { position = 8 }\n'
    second = '[b]\n[[b.rows]]\ntable = "blocks"\nwhere = { id = 1 }\nset = { position = 9 }\n'
    alone = document(pack(second)[1])["b"]
    assert document(pack(first + second, "both.bundle")[1])["b"] == alone


def test_the_same_input_gives_the_same_bytes(pack, tmp_path):
    folder = tmp_path / "look"
    folder.mkdir()
    (folder / "index.php").write_text("<?php // another\n")
    os.utime(folder / "index.php", (1_700_000_000, 1_700_000_000))
    text = SIXTEEN + '[files]\nfiles = "look"\n'
    assert pack(text)[1].read_bytes() == pack(text, "again.bundle")[1].read_bytes()


def test_without_variants_nothing_of_a_bundle_is_different(docroot, shop, url_of, tmp_path, pack):
    made = packed(docroot, tmp_path / "plain.bundle", database=url_of(shop), scratch=url_of())
    assert made.manifest["variants"] == []
    assert {one["kind"] for one in made.manifest["members"]} & {"variants", "variant_files"} == set()
    chosen = pack('[a]\nconfiguration.THEME = "x"\n')[0].manifest
    # What every shop is made of and proved by is the same with variants
    same = {one["name"]: one["sha256"] for one in made.manifest["members"]}
    assert {one["name"]: one["sha256"] for one in chosen["members"] if one["kind"] != "variants"} == same
    assert chosen["tables"] == made.manifest["tables"]


def test_a_variants_values_and_files_are_rewritten_as_the_templates(pack, tmp_path):
    token = PlainPlan().token
    folder = tmp_path / "look"
    (folder / "img").mkdir(parents=True)
    (folder / "img" / "new.css").write_text("a { background: url(http://shop.template.example/a.png) }")
    (folder / "img" / "logo.png").write_bytes(b"\x89PNG plain")
    made, path = pack(
        '[a]\nfiles = "look"\nconfiguration.THEME = "see http://shop.template.example/"\n'
        '[[a.rows]]\ntable = "blocks"\nwhere = { id = 1 }\nset = { html = "on shop.template.example" }\n'
    )
    statements = document(path)["a"]["statements"]
    assert statements[0]["params"][0] == f"see http://{token.decode()}/"
    assert statements[1]["params"][0] == f"on {token.decode()}"
    found = files_of(path, "a")
    assert found == {
        "img/new.css": b"a { background: url(http://" + token + b"/a.png) }", "img/logo.png": b"\x89PNG plain",
    }  # fmt: skip
    # One replaces the template's, one is new, and so is no folder
    assert made.manifest["variants"][0]["entries"] == 1


def test_a_cell_that_is_another_text_now_is_not_read_back_as_the_old_one(pack):
    _, path = pack('[a]\n[[a.rows]]\ntable = "blocks"\nwhere = { id = 1 }\nset = { html = "no address" }\n')
    assert document(path)["a"]["cells"] == []


def test_a_variants_secret_of_the_template_stops_the_packing(docroot, shop, url_of, tmp_path):
    folder = tmp_path / "look"
    folder.mkdir()
    (folder / "key.txt").write_text("s3cret-of-the-template")
    (tmp_path / "variants.toml").write_text('[a]\nfiles = "look"\n')
    plan = PlainPlan(forbidden={"secret": b"s3cret-of-the-template"})
    with pytest.raises(ShoplaunchError) as caught:
        packed(docroot, tmp_path / "v.bundle", plan, database=url_of(shop), scratch=url_of(),
               variants=tmp_path / "variants.toml")  # fmt: skip
    assert caught.value.code == "residue_in_bundle"
    assert "key.txt" in caught.value.message
    assert not (tmp_path / "v.bundle").exists()


def test_a_value_of_the_template_that_is_secret_stops_the_packing(docroot, shop, url_of, tmp_path):
    (tmp_path / "variants.toml").write_text('[a]\nconfiguration.THEME = "s3cret-of-the-template"\n')
    plan = PlainPlan(forbidden={"secret": b"s3cret-of-the-template"})
    with pytest.raises(ShoplaunchError, match=r"residue_in_bundle.*variants"):
        packed(docroot, tmp_path / "v.bundle", plan, database=url_of(shop), scratch=url_of(),
               variants=tmp_path / "variants.toml")  # fmt: skip


def test_a_variant_may_be_empty_for_the_title_of_the_template_as_it_is(pack):
    made, path = pack('[standard]\ntitle = " As  shown "\n')
    assert made.manifest["variants"] == [{"name": "standard", "title": "As shown", "entries": 0, "rows": {}}]
    assert document(path)["standard"] == {"statements": [], "tables": [], "cells": []}


def test_what_a_trigger_changes_elsewhere_is_proved_too(pack, trigger):
    trigger("UPDATE settings SET value = 'by trigger' WHERE id = 1")
    _, path = pack('[a]\n[[a.rows]]\ntable = "blocks"\nwhere = { id = 2 }\nset = { position = 9 }\n')
    assert [table["name"] for table in document(path)["a"]["tables"]] == ["blocks", "settings"]


ONCE = "FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM log WHERE note = 'x')"


@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("INSERT INTO log (note) VALUES ('x')", "log"),
        (f"INSERT INTO log (note) SELECT 'x' {ONCE}", "rows it adds to log are not numbered the same in every shop"),
        ("UPDATE settings SET value = CONCAT(value, '+') WHERE id = 1", "a second time, in settings"),
        ("UPDATE hosts SET host = 'other.example'", "made for every shop, in hosts.host"),
    ],
    ids=["inserts", "inserts once", "counts", "overwrites"],
)
def test_what_a_trigger_makes_another_in_every_shop_is_refused(pack, trigger, tmp_path, action, said):
    trigger(action)
    text = '[a]\n[[a.rows]]\ntable = "blocks"\nwhere = { id = 2 }\nset = { position = 9 }\n'
    assert said in refused(pack, tmp_path, text)


def test_a_row_that_is_the_same_in_every_shop_may_be_changed_elsewhere_and_not_there(docroot, shop, url_of, tmp_path):
    plan = PlainPlan()
    plan.own = {"blocks": {"hook": b"home", "position": b"1"}}
    row = '[a]\n[[a.rows]]\ntable = "blocks"\nwhere = { id = 1 }\n'
    for change, good in (('html = "other"', True), ("position = 2", False), ('hook = "foot"', False)):
        (tmp_path / "variants.toml").write_text(row + f"set = {{ {change} }}\n")
        try:
            packed(docroot, tmp_path / "v.bundle", plan, database=url_of(shop), scratch=url_of(),
                   variants=tmp_path / "variants.toml")  # fmt: skip
            assert good, change
        except ShoplaunchError as problem:
            assert not good, problem
            assert "variant_invalid: variant a: rows 1: a new shop begins" in str(problem)


def test_the_largest_statement_counts_and_not_all_of_them_together(pack):
    small = pack('[a]\ntitle = "A"\n')[0].manifest["requirements"]["max_statement_bytes"]
    assert pack(SIXTEEN)[0].manifest["requirements"]["max_statement_bytes"] == small
    # Every quote is sent as two bytes
    quotes = "'" * 30_000
    assert (
        pack(f'[a]\nconfiguration.THEME = "{quotes}"\n')[0].manifest["requirements"]["max_statement_bytes"]
        >= small + 59_000
    )


ROW = '[a]\n[[a.rows]]\ntable = "blocks"\n'
REFUSED = {
    "not TOML": ("[a\n", "not TOML"),
    "no variant": ("", "declares no variant"),
    "no table": ("a = 1\n", "not a table"),
    "a name with a space": ('["a b"]\n', "a name is made of"),
    "an unknown part": ('[a]\ncolour = "red"\n', "unknown part 'colour'"),
    "an empty title": ('[a]\ntitle = " "\n', "a title is"),
    "a long title": (f'[a]\ntitle = "{"x" * 129}"\n', "a title is"),
    "a title that is another's name": ('[a]\ntitle = "B"\n[b]\n', "also that of"),
    "two alike titles": ('[a]\ntitle = "One"\n[b]\ntitle = "ONE"\n', "also that of"),
    "titles that are alike once read as HTML": ('[a]\ntitle = "A & B"\n[b]\ntitle = "A &amp; B"\n', "also that of"),
    "configuration as text": ('[a]\nconfiguration = "x"\n', "configuration is not a table"),
    "a value that is a list": ("[a]\nconfiguration.THEME = [1]\n", "neither text nor number"),
    "a key with spaces": ('[a]\nconfiguration."A B" = 1\n', "no name of a setting"),
    "rows that are no list": ("[a]\nrows = 3\n", "rows is not a list"),
    "a row that is no table": ("[a]\nrows = [3]\n", "rows 1 is not a table"),
    "an unknown table": ('[a]\n[[a.rows]]\ntable = "no"\nwhere = { id = 1 }\nset = { id = 1 }\n', "no table 'no'"),
    "an unknown column": (ROW + "where = { no = 1 }\nset = { position = 1 }\n", "has no column 'no'"),
    "an unknown column to set": (ROW + "where = { id = 1 }\nset = { no = 1 }\n", "has no column 'no'"),
    "a column the server computes": (ROW + "where = { id = 1 }\nset = { twice = 1 }\n", "computes twice itself"),
    "every row": (ROW + "set = { position = 1 }\n", "rows 1 where is not a table"),
    "an empty where": (ROW + "where = {}\nset = { position = 1 }\n", "where names no column"),
    "nothing to set": (ROW + "where = { id = 1 }\nset = {}\n", "set names no column"),
    "a part of a row unknown": (ROW + "where = { id = 1 }\nset = { id = 1 }\nlimit = 1\n", "unknown part of rows 1"),
    "no such row": (ROW + "where = { id = 99 }\nset = { position = 1 }\n", "no such row in blocks"),
    "a value that is too long": (ROW + f'where = {{ id = 1 }}\nset = {{ hook = "{"x" * 21}" }}\n', "Data too long"),
    "a value of another type": (ROW + 'where = { id = 1 }\nset = { position = "many" }\n', "rows 1"),
    "a key that is taken": (ROW + "where = { id = 1 }\nset = { id = 2 }\n", "Duplicate"),
    "rows that undo each other": (
        ROW + "where = { position = 1 }\nset = { position = 2 }\n"
        '[[a.rows]]\ntable = "blocks"\nwhere = { position = 2 }\nset = { position = 1 }\n', "rows 1",
    ),
    "rows that go on changing when carried out again": (
        ROW + 'where = { hook = "foot" }\nset = { position = 7 }\n'
        '[[a.rows]]\ntable = "blocks"\nwhere = { position = 1 }\nset = { hook = "foot" }\n', "a second time",
    ),
    "the domain of every shop": (
        '[a]\n[[a.rows]]\ntable = "hosts"\nwhere = { id = 1 }\nset = { host = "other.example" }\n',
        "made for every shop, in hosts.host",
    ),
    "no folder": ('[a]\nfiles = "missing"\n', "no folder next to"),
    "a folder elsewhere": ('[a]\nfiles = "../look"\n', "no folder next to"),
    "an absolute folder": ('[a]\nfiles = "/etc"\n', "no folder next to"),
    "files that are no text": ("[a]\nfiles = 3\n", "not the name of a folder"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_does_not_fit_is_refused_and_says_why(pack, tmp_path, text, said):
    assert said in refused(pack, tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[a]\nconfiguration.THEME = "mine"\n', "configuration THEME"),
        # Nor what is searched for when it is set
        ('[a]\n[[a.rows]]\ntable = "settings"\nwhere = { name = "THEME" }\nset = { name = "OTHER" }\n', "rows 1"),
    ],
)
def test_a_variant_must_not_undo_what_every_shop_is_configured_with(docroot, shop, url_of, tmp_path, text, said):
    plan = PlainPlan()
    sql = "UPDATE settings SET value = %s WHERE name = %s"
    plan.statements = [{"sql": sql, "params": ["configured", "THEME"]}]
    (tmp_path / "variants.toml").write_text(text)
    with pytest.raises(ShoplaunchError, match=rf"variant_invalid.*{said} undoes what is set for every shop"):
        packed(docroot, tmp_path / "v.bundle", plan, database=url_of(shop), scratch=url_of(),
               variants=tmp_path / "variants.toml")  # fmt: skip
    assert not (tmp_path / "v.bundle").exists()


def _link(folder):
    (folder / "l").symlink_to("x")


def _folder_for_a_file(folder):
    (folder / "index.php").mkdir()


def _left_out(folder):
    (folder / "old.sql").write_text("x")


def _made_anew(folder):
    (folder / "config.php").write_text("x")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_link, "l is a link"),
        (_folder_for_a_file, "index.php is a directory here and a file in the template"),
        (_left_out, "old.sql is nothing a bundle may hold"),
        (_made_anew, "config.php is made anew for every shop"),
    ],
)
def test_files_that_do_not_fit_are_refused_and_named(docroot, shop, url_of, tmp_path, make, said):
    (tmp_path / "look").mkdir()
    make(tmp_path / "look")
    (tmp_path / "variants.toml").write_text('[a]\nfiles = "look"\n')
    plan = PlainPlan()
    plan.unwanted = {b"old.sql"}
    with pytest.raises(ShoplaunchError, match="variant_invalid") as caught:
        packed(docroot, tmp_path / "v.bundle", plan, database=url_of(shop), scratch=url_of(),
               variants=tmp_path / "variants.toml")  # fmt: skip
    assert said in caught.value.message
    assert not (tmp_path / "v.bundle").exists()


def test_a_folder_that_is_a_link_elsewhere_is_refused(pack, tmp_path):
    (tmp_path / "look").symlink_to("/etc")
    assert "no folder next to" in refused(pack, tmp_path, '[a]\nfiles = "look"\n')


def test_a_variants_file_that_is_not_there_is_reported(docroot, shop, url_of, tmp_path):
    with pytest.raises(ShoplaunchError, match="file_error"):
        packed(docroot, tmp_path / "v", database=url_of(shop), scratch=url_of(), variants=tmp_path / "no.toml")
