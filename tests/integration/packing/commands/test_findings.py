"""What the final search finds is reported in the template's terms, and goes the way the operator decided."""

import gzip
import hashlib
import json
import re
import zipfile

import pytest

from controller.bundles.pipeline import Request, pack
from controller.bundles.residue.findings import Place, ResidueFound
from controller.bundles.review import decisions as files
from controller.bundles.review.decisions import Decision, Decisions
from shared.errors import ShoplaunchError
from shared.placeholders import token
from tests.support.shops.packing import PlainPlan, Quiet

SECRET = b"Zx9kk2/aaQ-77-longer"
SUSPECTED = b"q7Wm4zR9tLk2"
DUMP = b"""CREATE TABLE urls (id int NOT NULL, host varchar(255), PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO urls VALUES
(1,'shop.template.example'),
(2,'nothing');
CREATE TABLE settings (name varchar(40) NOT NULL, shop int NOT NULL, value text, PRIMARY KEY (name, shop));
INSERT INTO settings VALUES ('kept',1,'a'),
('leaking',7,'a:1:{s:3:"key";s:20:"Zx9kk2/aaQ-77-longer";}'),
('doubtful',7,'before q7Wm4zR9tLk2 behind');
CREATE TABLE unkeyed (note text, raw blob) ENGINE=InnoDB;
INSERT INTO unkeyed VALUES ('a',NULL),('b',x'5a78396b6b322f6161512d37372d6c6f6e676572');
"""


class Leaky(PlainPlan):
    """Forbids two secrets, of which only a name makes the second one, and rewrites nothing but the domain."""

    def __init__(self, **more):
        super().__init__(forbidden={"secret one": SECRET, "secret two": SUSPECTED, "domain": b"shop.template.example"})
        vars(self).update(more)

    def kinds(self):
        return {"secret one": "secret", "secret two": "suspected secret", "domain": "domain"}


@pytest.fixture
def packing(docroot, tmp_path, url_of):
    """A function: pack the document root and DUMP with `decisions`; return controller.bundles.pipeline.Packed."""
    (tmp_path / "shop.sql").write_bytes(DUMP)

    def attempt(decisions=None, plan=None, name="x.bundle", **more):
        request = Request(docroot, tmp_path / name, None, tmp_path / "shop.sql", url_of(), decisions=decisions, **more)
        return pack(request, lambda tree, source: plan or Leaky(), Quiet())

    return attempt


def found_in(packing, **more):
    with pytest.raises(ResidueFound) as error:
        packing(**more)
    return error.value


def decided(findings, decision, text=""):
    made = Decisions()
    for one in findings:
        made.put(Decision(one.what, one.place, decision, text))
    return made


def everything_in(bundle):
    """Return all bytes of a bundle, unpacked."""
    with zipfile.ZipFile(bundle) as archive:
        parts = [archive.read(name) for name in archive.namelist()]
    return b"\0".join(gzip.decompress(part) if part[:2] == b"\x1f\x8b" else part for part in parts)


ROWS = {
    Place("settings", "value", (("name", "leaking"), ("shop", "7"))): ("secret one", "Zx…er (20 characters)", 7),
    Place("settings", "value", (("name", "doubtful"), ("shop", "7"))): ("secret two", "q…2 (12 characters)", 8),
    Place("unkeyed", "raw", (("row", "2"),)): ("secret one", "Zx…er (20 characters)", 10),
}


def test_a_row_is_reported_by_table_column_and_key_with_its_line_of_the_dump_and_the_value_masked(packing):
    error = found_in(packing)
    assert {one.place: (one.what, one.shown, one.dump_line) for one in error.findings} == ROWS
    assert [one.proven for one in error.findings] == [False, True, True]
    assert error.findings[1].about == "leaking"
    assert SECRET.decode() not in json.dumps(error.details) + error.message
    assert SUSPECTED.decode() not in json.dumps(error.details) + error.message
    assert not re.search(r"db/data|\.sql\.gz", error.message)


def test_a_finding_in_a_file_names_its_line_and_one_in_a_name_says_so(packing, docroot):
    (docroot / "img" / "note.txt").write_bytes(b"one\ntwo\nkept: " + SECRET.hex().encode() + b"\n")
    (docroot / "img" / f"{SUSPECTED.decode()}.txt").write_bytes(b"")
    (docroot / "img" / "picture.bin").write_bytes(b"\0\1" + SUSPECTED)
    places = {one.place: one.what for one in found_in(packing).findings if one.place.file}
    assert places == {
        Place(file="img/note.txt", line=3): "secret one",
        Place(file=f"img/{SUSPECTED.decode()}.txt", is_name=True): "secret two",
        Place(file="img/picture.bin"): "secret two",
    }


def test_of_a_file_only_what_stays_in_it_is_reported(packing, docroot):
    (docroot / "notes.txt").write_bytes(b"http://shop.template.example/\nkey q7Wm4zR9tLk2 of it\n")
    plan = Leaky()
    plan.file = lambda path, content: content.replace(b"shop.template.example", b"somewhere.example")
    found = [one for one in found_in(packing, plan=plan).findings if one.place.file == "notes.txt"]
    assert [(one.what, one.place.line) for one in found] == [("secret two", 2)]


def test_a_domain_is_shown_as_a_whole_with_what_is_around_it_but_no_secret(packing, docroot):
    class Blind(Leaky):
        def file(self, path, content):
            return content

    line = b"mysql://u:" + SECRET + b"@shop.template.example/db"
    (docroot / "img" / "dsn.txt").write_bytes(line)
    found = {one.place.file: one for one in found_in(packing, plan=Blind()).findings if one.what == "domain"}
    assert "shop.template.example/db" in found["img/dsn.txt"].shown
    assert b"longer" not in found["img/dsn.txt"].shown.encode()


def test_what_is_blanked_or_replaced_is_gone_with_lengths_that_follow(packing, tmp_path):
    findings = found_in(packing).findings
    packed = packing(decided(findings, "blank"))
    content = everything_in(tmp_path / "x.bundle")
    assert SECRET not in content and SECRET.hex().encode() not in content and SUSPECTED not in content
    assert b'a:1:{s:3:"key";s:0:"";}' in content.replace(b'\\"', b'"')
    assert b"before  behind" in content
    assert {entry["decision"] for entry in packed.report["decisions"]} == {"blank"}
    packing(decided(findings, "replace", "new's"), name="y.bundle")
    content = everything_in(tmp_path / "y.bundle")
    assert b's:5:"new\\\'s";' in content.replace(b'\\"', b'"') and b"before new\\'s behind" in content
    assert SECRET not in content


def test_a_removed_row_is_left_out_and_counts_follow(packing, tmp_path):
    findings = [one for one in found_in(packing).findings if one.place.table == "settings"]
    rest = [one for one in found_in(packing).findings if one.place.table != "settings"]
    decisions = decided(findings, "remove")
    for one in rest:
        decisions.put(Decision(one.what, one.place, "blank"))
    packed = packing(decisions)
    rows = {table["name"]: table["rows"] for table in packed.manifest["tables"]}
    assert rows == {"urls": 2, "settings": 1, "unkeyed": 2}
    assert b"leaking" not in everything_in(tmp_path / "x.bundle").replace(json.dumps("leaking").encode(), b"")


def test_a_removed_file_is_left_out_and_a_blanked_line_keeps_the_others(packing, docroot, tmp_path):
    (docroot / "img" / "gone.txt").write_bytes(SECRET)
    (docroot / "img" / "kept.txt").write_bytes(b"one\nkey=" + SECRET + b"\nthree\n")
    findings = found_in(packing).findings
    decisions = decided(findings, "blank")
    gone = next(one for one in findings if one.place.file == "img/gone.txt")
    decisions.put(Decision(gone.what, gone.place, "remove"))
    packing(decisions)
    content = everything_in(tmp_path / "x.bundle")
    assert b"gone.txt" not in content.replace(b'"img/gone.txt"', b"") and b"one\nkey=\nthree\n" in content


def test_what_is_only_suspected_may_be_accepted_and_a_proven_secret_never(packing, tmp_path):
    findings = found_in(packing).findings
    decisions = decided([one for one in findings if one.proven], "blank")
    decisions.put(Decision("secret two", next(one.place for one in findings if not one.proven), "accept"))
    packing(decisions)
    assert SUSPECTED in everything_in(tmp_path / "x.bundle")
    with pytest.raises(ShoplaunchError) as error:
        packing(decided(findings, "accept"))
    assert error.value.code == "decisions_invalid"
    assert "secret one" in error.value.message and SECRET.decode() not in error.value.message


def test_an_accepted_domain_is_no_residue_for_the_agent_there_and_is_anywhere_else(packing, docroot):
    class Blind(Leaky):
        def file(self, path, content):
            return content if path == b"img/a.txt" else super().file(path, content)

    (docroot / "img" / "a.txt").write_bytes(b"see //shop.template.example/ there")
    findings = found_in(packing, plan=Blind()).findings
    decisions = decided([one for one in findings if one.what != "domain"], "blank")
    decisions.put(Decision("domain", Place(file="img/a.txt", line=1), "accept"))
    residue = [bytes.fromhex(text) for text in packing(decisions, plan=Blind()).manifest["residue"]]
    assert b"shop.template.example" not in residue and b"//shop.template.example/" not in residue
    assert b"@shop.template.example" in residue


def test_the_same_decisions_give_the_same_bytes_and_are_kept_with_the_bundle(packing, tmp_path):
    decisions = decided(found_in(packing).findings, "blank")
    first = packing(decisions)
    packing(decisions, name="y.bundle")
    assert (tmp_path / "x.bundle").read_bytes() == (tmp_path / "y.bundle").read_bytes()
    kept = first.manifest["report"]["decisions"]
    assert {(one["table"], one["column"], one["decision"]) for one in kept} == {
        ("settings", "value", "blank"), ("unkeyed", "raw", "blank")
    }  # fmt: skip


def test_a_place_called_after_the_template_does_not_travel(packing, docroot):
    named = docroot / "img" / "shop.template.example.txt"
    named.write_bytes(SUSPECTED)

    class Renaming(Leaky):
        def path(self, path):
            return path.replace(self.domain, self.token)

    findings = found_in(packing, plan=Renaming()).findings
    report = packing(decided(findings, "blank"), plan=Renaming()).manifest["report"]
    assert "shop.template.example" not in json.dumps(report)
    assert any(one.get("place") == "is called after the template" for one in report["decisions"])


def test_a_decision_that_fits_nothing_is_reported_and_no_failure(packing):
    decisions = decided(found_in(packing).findings, "blank")
    for place in (Place("settings", "value", (("name", "other"), ("shop", "7"))), Place(file="no/such.txt", line=3),
                  Place("gone", "value", (("id", "1"),))):  # fmt: skip
        decisions.put(Decision("secret one", place, "blank"))
    decisions.put(Decision("secret two", Place(file="no/such.txt"), "accept"))
    decisions.put(Decision("secret one", Place("urls", "host", (("id", "99"),)), "remove"))
    reported = packing(decisions).report["decisions_without_effect"]
    assert len(reported) == 5


def test_a_finding_that_nobody_decided_still_ends_the_packing(packing):
    findings = found_in(packing).findings
    left = found_in(packing, decisions=decided(findings[:2], "blank")).findings
    assert [one.place for one in left] == [findings[2].place]
    opened = decided(findings, "")
    assert len(found_in(packing, decisions=opened).findings) == 3


def test_notes_of_pictures_and_documents_of_others_need_no_question_unless_they_hold_a_secret(packing, docroot):
    class Blind(Leaky):
        def file(self, path, content):
            return content if path != b"index.php" and path != b".htaccess" else super().file(path, content)

        def row(self, table, row):
            return PlainPlan.row(self, table, tuple(
                value.replace(SECRET, b"").replace(SUSPECTED, b"") if isinstance(value, bytes) else value
                for value in row))  # fmt: skip

    (docroot / "img" / "a.jpg").write_bytes(b"\xff\xd8\xff\xe1 http://shop.template.example/ \0")
    (docroot / "modules" / "x").mkdir(parents=True)
    (docroot / "modules" / "x" / "README.md").write_bytes(b"see shop.template.example")
    packed = packing(plan=Blind(), name="z.bundle")
    assert sum(packed.report["harmless"].values()) == 2
    (docroot / "img" / "a.jpg").write_bytes(b"\xff\xd8\xff\xe1 " + SECRET + b" \0")
    (docroot / "modules" / "x" / "README.md").write_bytes(b"see " + SECRET)
    assert [one.place.file for one in found_in(packing, plan=Blind()).findings] == [
        "img/a.jpg", "modules/x/README.md"
    ]  # fmt: skip


def test_a_file_of_decisions_names_places_and_masked_values_and_reads_back(packing, tmp_path):
    findings = found_in(packing).findings
    decisions = Decisions()
    assert decisions.add_open(findings) == 3
    path = tmp_path / "decisions.toml"
    files.write(path, decisions)
    text = path.read_text()
    assert SECRET.decode() not in text and SUSPECTED.decode() not in text and SECRET.hex() not in text
    assert "Zx…er (20 characters)" in text
    assert set(files.read(path).entries) == set(decisions.entries)


def test_what_the_recipe_itself_puts_there_is_reported_as_well(packing):
    class Adding(Leaky):
        def added(self):
            return {b"made.php": b"<?php // " + SECRET}

    assert Place(part="made.php") in [one.place for one in found_in(packing, plan=Adding()).findings]


def test_what_stands_in_a_fragment_is_reported_at_the_rows_that_use_it_and_nowhere_else(packing):
    name = hashlib.sha256(SUSPECTED).hexdigest()[:12]

    class Fragmented(Leaky):
        def fragments(self):
            return {name: b"before " + SUSPECTED + b" behind " + self.token}

        def row(self, table, row):
            used = token(self.nonce, f"fragment.{name}")
            return tuple(used if cell and SUSPECTED in cell else cell for cell in super().row(table, row))

    assert [one.place for one in found_in(packing, plan=Fragmented()).findings if one.what != "secret one"] == [
        Place("settings", "value", (("name", "doubtful"), ("shop", "7")))
    ]


def test_a_file_of_the_applications_own_release_is_asked_about_no_more(packing, docroot, tmp_path):
    (docroot / "libs").mkdir()
    (docroot / "libs" / "published.php").write_bytes(b"<?php $key = '" + SECRET + b"';")
    (docroot / "libs" / "changed.php").write_bytes(b"<?php $own = '" + SECRET + b"';")
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "published.php").write_bytes((docroot / "libs" / "published.php").read_bytes())

    def files_of(**more):
        return {one.place.file for one in found_in(packing, **more).findings if one.place.file}

    assert files_of() == {"libs/published.php", "libs/changed.php"}
    assert files_of(release=tmp_path / "release", name="y.bundle") == {"libs/changed.php"}
