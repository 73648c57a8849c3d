"""Decisions that meet awkward rows: each is carried out as a whole, or refused with the place and what to do."""

import base64
from pathlib import Path

import pytest

from controller.bundles.pipeline import Request, pack
from controller.bundles.residue.findings import Place, ResidueFound
from controller.bundles.review import decisions as files
from controller.bundles.review.decisions import Decision, Decisions
from shared.errors import ShoplaunchError
from tests.integration.packing.commands.test_findings import Leaky, decided, everything_in
from tests.support.shops.packing import Quiet

SECRET = "Zx9kk2/aaQ-77-longer"
FIRST, SECOND = (("id", "1"),), (("id", "2"),)


@pytest.fixture
def packing(docroot, tmp_path, url_of):
    """A function: pack the document root and a dump with `decisions`; return controller.bundles.pipeline.Packed."""

    def attempt(dump, decisions=None, name="x.bundle"):
        (tmp_path / "shop.sql").write_text(dump)
        request = Request(docroot, tmp_path / name, None, tmp_path / "shop.sql", url_of(), decisions=decisions)
        return pack(request, lambda tree, source: Leaky(), Quiet())

    return attempt


def findings_of(packing, dump):
    with pytest.raises(ResidueFound) as error:
        packing(dump)
    return error.value.findings


def refused(packing, dump, decisions):
    with pytest.raises(ShoplaunchError) as error:
        packing(dump, decisions)
    assert error.value.code == "decisions_invalid", error.value
    assert SECRET not in error.value.message
    return error.value.message


PARENTS = f"""CREATE TABLE parents (id int NOT NULL, note text, PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO parents VALUES (1,'{SECRET}'),(2,'kept');
CREATE TABLE children (id int NOT NULL, parent int, PRIMARY KEY (id),
  CONSTRAINT of_parent FOREIGN KEY (parent) REFERENCES parents (id)) ENGINE=InnoDB;
INSERT INTO children VALUES (1,1),(2,2),(3,NULL);
"""


def test_keys_that_tables_views_and_functions_are_made_with_are_found_and_have_to_be_changed_there(packing):
    keys = {
        name: "sk_" + f"live_{name}Q8w3Er7Ty2Ui9Op4" for name in ("default", "comment", "column", "view", "function")
    }
    found = findings_of(
        packing,
        f"""CREATE TABLE defaults (
  id int NOT NULL COMMENT '{keys["column"]}',
  api varchar(90) NOT NULL DEFAULT '{keys["default"]}', PRIMARY KEY (id)) COMMENT='{keys["comment"]}';
INSERT INTO defaults VALUES (1,'none');
CREATE VIEW seen AS SELECT id, '{keys["view"]}' AS api FROM defaults;
CREATE FUNCTION api() RETURNS varchar(90) DETERMINISTIC RETURN '{keys["function"]}';
""",
    )
    assert sorted((one.place.part.removeprefix("the definition of "), one.dump_line) for one in found) == [
        ("the function api", 6), ("the table defaults", 3), ("the table defaults, column api", 3),
        ("the table defaults, column id", 2), ("the view seen", 5),
    ]  # fmt: skip
    assert all(one.proven and files.choices_of(one) == () for one in found)
    assert not any(key in one.sentence() for one in found for key in keys.values())


def test_a_row_that_others_refer_to_is_not_removed_without_them(packing):
    message = refused(packing, PARENTS, decided(findings_of(packing, PARENTS), "remove"))
    assert "parents" in message and "children" in message and "blank" in message


def test_a_row_that_only_removed_rows_refer_to_goes_with_them(packing):
    dump = PARENTS.replace("parent int,", "parent int, note text,").replace(
        "(1,1),(2,2),(3,NULL)", f"(1,1,'{SECRET}'),(2,2,'a'),(3,NULL,'b')"
    )
    packed = packing(dump, decided(findings_of(packing, dump), "remove"))
    assert {one["name"]: one["rows"] for one in packed.manifest["tables"]} == {"parents": 1, "children": 2}


def test_what_a_table_refuses_is_refused_with_its_place_before_anything_is_loaded(packing):
    dump = f"""CREATE TABLE names (id int NOT NULL, name varchar(40) NOT NULL, PRIMARY KEY (id), UNIQUE KEY (name));
INSERT INTO names VALUES (1,'{SECRET}'),(2,'x{SECRET}'),(3,'y');
CREATE TABLE documents (id int NOT NULL, body longtext CHECK (json_valid(body)), PRIMARY KEY (id));
INSERT INTO documents VALUES (1,'["{SECRET}"]');
"""
    found = findings_of(packing, dump)
    same = decided([one for one in found if one.place.table == "documents"], "blank")
    for one in found:
        if one.place.table == "names":
            same.put(Decision(one.what, one.place, "replace", "y" if one.place.key == FIRST else "z"))
    message = refused(packing, dump, same)
    assert "names" in message


def test_a_stale_decision_leaves_a_cell_alone_that_holds_nothing_any_more(packing, tmp_path):
    dump = f"""CREATE TABLE notes (id int NOT NULL, note text, PRIMARY KEY (id));
INSERT INTO notes VALUES (1,'{SECRET}'),(2,'b');
"""
    decisions = decided(findings_of(packing, dump), "blank")
    packed = packing(dump.replace(f"'{SECRET}'", "'a whole text'"), decisions)
    assert [one["decision"] for one in packed.report["decisions_without_effect"]] == ["blank"]
    assert b"a whole text" in everything_in(tmp_path / "x.bundle")


def test_one_value_in_several_encodings_of_one_cell_goes_as_a_whole(packing):
    odd = base64.b64encode(b"k" + SECRET.encode() * 2).decode()[1:]
    coded = base64.b64encode(b"x" + base64.b64encode(b"ab" + SECRET.encode())).decode()
    dump = f"""CREATE TABLE notes (id int NOT NULL, note text, PRIMARY KEY (id));
INSERT INTO notes VALUES (1,'{SECRET} {SECRET.encode().hex()} {odd} {coded}');
"""
    packing(dump, decided(findings_of(packing, dump), "blank"))


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("value", ["1 -- ", "1) OR (1=1", "1-1", "", "two", "1e9"])
def test_a_key_that_is_none_of_its_column_fits_nothing(packing, value):
    dump = f"""CREATE TABLE notes (id int NOT NULL, note text, PRIMARY KEY (id));
INSERT INTO notes VALUES (0,'a'),(1,'b');
CREATE TABLE leaking (id int NOT NULL, note text, PRIMARY KEY (id));
INSERT INTO leaking VALUES (1,'{SECRET}');
"""
    decisions = decided(findings_of(packing, dump), "blank")
    decisions.put(Decision("secret one", Place("notes", "note", (("id", value),)), "remove"))
    packed = packing(dump, decisions)
    assert {one["name"]: one["rows"] for one in packed.manifest["tables"]} == {"notes": 2, "leaking": 1}
    assert len(packed.report["decisions_without_effect"]) == 1


def test_names_of_rows_with_line_breaks_and_escapes_stay_within_their_comment(packing, tmp_path):
    dump = f"""CREATE TABLE notes (name varchar(200) NOT NULL, note text, PRIMARY KEY (name));
INSERT INTO notes VALUES ('a\\nwhat = 1\\n\x1b[2J','{SECRET}');
"""
    found = findings_of(packing, dump)
    assert all(one.sentence().isprintable() for one in found)
    decisions = Decisions()
    decisions.add_open(found)
    files.write(tmp_path / "d.toml", decisions)
    assert set(files.read(tmp_path / "d.toml").entries) == set(decisions.entries)


def test_a_secret_in_a_key_or_name_is_named_by_its_number_and_stands_in_no_file_of_decisions(packing, tmp_path):
    dump = f"""CREATE TABLE tokens (token varchar(80) NOT NULL, name varchar(80), PRIMARY KEY (token));
INSERT INTO tokens VALUES ('a','b'),('{SECRET}','{SECRET}'),('c','d');
"""
    found = findings_of(packing, dump)
    assert [(one.place.column, one.place.key[0][0], one.about) for one in found] == [
        ("name", "row", ""), ("token", "row", "")
    ]  # fmt: skip
    decisions = Decisions()
    decisions.add_open(found)
    files.write(tmp_path / "d.toml", decisions)
    assert SECRET not in (tmp_path / "d.toml").read_text()
    packing(dump, decided(found, "replace", "new"))


def test_a_file_that_is_no_file_of_decisions_is_not_read_to_its_end():
    with pytest.raises(ShoplaunchError) as error:
        files.read(Path("/dev/zero"))
    assert error.value.code == "decisions_invalid"
