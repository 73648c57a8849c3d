"""A template that cannot be packed is refused by name, and nothing is left where the bundle would be."""

import os
import socket
import stat
import subprocess

import pytest

from controller.bundles.pipeline import Request, pack
from controller.bundles.source.tree.walk import GIVEN, NO_CONTENT
from shared.bundle import ATTEMPT_TABLE, LEDGER_TABLE, MAX_FILE_BYTES, MAX_PATH_BYTES
from shared.errors import ShoplaunchError
from tests.support.shops.packing import PlainPlan, Quiet, packed

DUMP = b"""CREATE TABLE urls (id int NOT NULL, host varchar(255), PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO urls VALUES (1,'shop.template.example');
"""


@pytest.fixture
def refused(docroot, tmp_path, url_of, mariadb_server):
    """A function: pack the document root with `dump` (bytes) and `plan`; return the error. Nothing may be left."""

    def attempt(dump=DUMP, plan=None, **more):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        path = tmp_path / "shop.sql"
        path.write_bytes(dump)
        more.setdefault("dump", path)
        before = databases(mariadb_server)
        with pytest.raises(ShoplaunchError) as error:
            packed(docroot, out / "shop.bundle", plan, scratch=url_of(), **more)
        assert list(out.iterdir()) == []
        assert databases(mariadb_server) == before
        return error.value

    return attempt


def databases(server):
    return {row[0] for row in server.query("SHOW DATABASES")}


def test_a_link_out_of_the_tree_is_refused(refused, docroot):
    (docroot / "out").symlink_to("/etc/passwd")
    assert refused().code == "tree_link_outside"


def test_a_link_that_climbs_out_is_refused(refused, docroot):
    (docroot / "img" / "out").symlink_to("../../elsewhere")
    assert refused().code == "tree_link_outside"


def test_a_link_that_leaves_by_another_link_is_refused(refused, docroot, tmp_path):
    (tmp_path / "other").mkdir()
    (docroot / "a").symlink_to("img/b/..")
    (docroot / "img" / "b").symlink_to("../../other")
    assert refused().code == "tree_link_outside"


def test_a_file_larger_than_an_agent_can_hold_is_refused_before_it_is_read(refused, docroot):
    with (docroot / "backup.zip").open("wb") as backup:
        backup.truncate(MAX_FILE_BYTES + 1)
    refusal = refused()
    assert refusal.code == "tree_file_too_large"
    assert "backup.zip" in refusal.message


def test_sockets_and_pipes_are_left_out_and_reported(docroot, tmp_path, url_of, awkward):
    os.mkfifo(docroot / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(docroot)
        listener.bind("socket")
        os.chdir(here)
        made = packed(docroot, tmp_path / "x.bundle", database=url_of(awkward), scratch=url_of())
    assert made.report["left_out"][NO_CONTENT]["examples"] == ["pipe", "socket"]


@pytest.mark.root
def test_a_device_is_refused(refused, docroot):
    os.mknod(docroot / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    assert refused().code == "tree_unreadable"


def test_a_dump_and_a_bundle_inside_the_tree_are_no_part_of_it(docroot, tmp_path, url_of):
    dump = docroot / "img" / "photo.png"
    dump.write_bytes(DUMP)
    first = packed(docroot, docroot / "x.dat", dump=dump, scratch=url_of())
    again = packed(docroot, docroot / "x.dat", dump=dump, scratch=url_of())
    assert first.manifest_sha256 == again.manifest_sha256
    assert again.report["left_out"][GIVEN]["examples"][-2:] == ["img/photo.png", "x.dat"]
    assert "left_out" not in again.manifest["report"]


@pytest.mark.parametrize("name", [b"caf\xe9.php", b"line\nbreak.php", b"bell\x07.php", b"back\\slash"])
def test_a_name_no_bundle_can_hold_is_refused(refused, docroot, name):
    with open(os.path.join(os.fsencode(docroot), name), "wb"):
        pass
    assert refused().code == "tree_name_encoding"


def test_a_path_no_bundle_can_hold_is_refused(refused, docroot):
    folders = ["x" * 250] * (MAX_PATH_BYTES // 250 + 1)
    place = os.open(docroot, os.O_RDONLY)
    for folder in folders:
        os.mkdir(folder, dir_fd=place)
        inner = os.open(folder, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    assert refused().code == "tree_name_encoding"


def test_what_is_left_out_may_be_anything(docroot, tmp_path, url_of, awkward):
    (docroot / "cache").mkdir()
    os.mkfifo(docroot / "cache" / "pipe")
    plan = PlainPlan()
    plan.unwanted = {b"cache"}
    assert packed(docroot, tmp_path / "x.bundle", plan, database=url_of(awkward), scratch=url_of()).size > 0


@pytest.mark.parametrize("change", ["content", "added", "removed", "touched"])
def test_a_tree_that_changes_while_it_is_packed_is_refused(refused, docroot, change):
    class Restless(PlainPlan):
        def file(self, path, content):
            if change == "content":
                (docroot / "index.php").write_text("<?php // other")
            elif change == "added":
                (docroot / "img" / "new.png").write_bytes(b"x")
            elif change == "removed" and (docroot / "img" / "logo.png").exists():
                (docroot / "img" / "logo.png").unlink()
            elif change == "touched":
                os.utime(docroot / "img" / "logo.png")
            return super().file(path, content)

    assert refused(plan=Restless()).code == "tree_changed"


def test_a_document_root_that_is_none_is_refused(tmp_path, url_of):
    with pytest.raises(ShoplaunchError) as error:
        packed(tmp_path / "absent", tmp_path / "x.bundle", database=url_of("mysql"))
    assert error.value.code == "docroot_missing"


def test_a_placeholder_in_a_file_or_row_of_the_template_is_refused(refused, docroot):
    mark = b"@@SL" + PlainPlan().nonce.encode() + b":domain:raw@@"
    assert refused(DUMP.replace(b"shop.template.example", mark)).code == "template_occupied"
    (docroot / "a.txt").write_bytes(mark)
    assert refused().code == "template_occupied"


@pytest.mark.parametrize("check", [False, True], ids=["packed", "checked"])
@pytest.mark.parametrize("table", [LEDGER_TABLE, ATTEMPT_TABLE])
def test_a_shop_that_is_being_restored_is_refused(refused, table, check):
    assert refused(DUMP + f"CREATE TABLE {table} (id int);\n".encode(), check=check).code == "template_occupied"


def test_a_dump_whose_statement_the_server_refuses_is_refused(refused):
    error = refused(DUMP + b"INSERT INTO urls VALUES (1,'again');\n")
    assert error.code == "dump_failed"
    assert "Duplicate" in error.message


def test_a_dump_whose_values_do_not_fit_is_refused(refused):
    text = b"SET sql_mode='';\n" + DUMP + b"INSERT INTO urls VALUES (2,'" + b"x" * 300 + b"');\n"
    assert refused(text).code == "dump_failed"


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (b"INSERT INTO urls VALUES (9,'cut", "dump_truncated"),
        (b"USE one; USE two;", "dump_names_database"),
        (b"INSERT INTO mysql.user VALUES (1);", "dump_names_database"),
        (b"DELETE FROM urls WHERE id = 1;", "dump_statement_unknown"),
    ],
)
def test_a_bad_statement_anywhere_means_that_none_is_executed(refused, monkeypatch, last, code):
    from controller.bundles.source.database import open_source

    monkeypatch.setattr(open_source, "_Loader", lambda *_: pytest.fail("a statement was executed"))
    assert refused(DUMP + last).code == code


def test_a_wrong_password_of_the_database_is_said_without_showing_it(docroot, tmp_path, mariadb_server, url_of):
    name, user, _ = mariadb_server.new_database()
    url = f"mysql://{user}:s3cret-guess@localhost/{name}?unix_socket={mariadb_server.socket}"
    with pytest.raises(ShoplaunchError) as error:
        packed(docroot, tmp_path / "x.bundle", database=url, scratch=url_of())
    assert error.value.code == "source_database"
    assert "s3cret-guess" not in str(error.value) + repr(Request(docroot, tmp_path / "x", database=url))


def test_residue_is_found_and_named_wherever_it_hides(refused, docroot):
    class Blind(PlainPlan):
        def file(self, path, content):
            return content

        def row(self, table, row):
            return row

    (docroot / "img" / "a.txt").write_bytes(b"cache: aHR0cDovL3Nob3AudGVtcGxhdGUuZXhhbXBsZS8=\n")
    error = refused(plan=Blind())
    assert error.code == "residue_in_bundle"
    places = error.details["places"]
    assert any(place.startswith("index.php line 1: domain, ") for place in places)
    assert any(place.startswith("urls.host, id 1, line 2 of the dump: domain, ") for place in places)


@pytest.mark.parametrize(
    "hidden",
    [b"pa\\/ss\\/word1", b"pa%2Fss%2Fword1", b"pa%2fss%2fword1", b"70612f73732f776f726431", b"pa/ss/word1"],
)
def test_a_secret_is_found_in_every_spelling(refused, docroot, hidden):
    (docroot / "img" / "a.txt").write_bytes(b"x" + hidden + b"x")
    assert refused(plan=PlainPlan(forbidden={"password": b"pa/ss/word1"})).code == "residue_in_bundle"


def test_a_secret_with_capitals_is_found_in_an_address_with_small_digits(refused, docroot):
    (docroot / "img" / "a.txt").write_bytes(b"mysql://shop:Pa%2fSS%40w1@localhost/")
    assert refused(plan=PlainPlan(forbidden={"password": b"Pa/SS@w1"})).code == "residue_in_bundle"


def test_a_secret_too_short_for_base64_is_named_as_not_searched_there(docroot, tmp_path, url_of, awkward):
    plan = PlainPlan(forbidden={"short": b"ab/cd-1", "long": b"ab/cd-12"})
    report = packed(docroot, tmp_path / "x.bundle", plan, database=url_of(awkward), scratch=url_of()).report
    assert report["not_searched"]["short"] == "in base64: too short"
    assert "long" not in report["not_searched"]


def test_a_secret_in_base64_is_found_in_the_database_at_every_alignment(refused):
    import base64

    for before in (b"", b"a", b"ab"):
        coded = base64.b64encode(before + b"a long secret" + b"zz")
        error = refused(DUMP + b"INSERT INTO urls VALUES (2,'" + coded + b"');\n",
                        PlainPlan(forbidden={"password": b"a long secret"}))  # fmt: skip
        assert error.code == "residue_in_bundle"


def test_a_plan_that_asks_the_database_about_a_file_is_stopped(docroot, tmp_path, url_of, awkward):
    class Asking(PlainPlan):
        def file(self, path, content):
            self.source.query("SELECT 1")
            return content

    def planned(tree, source):
        plan = Asking()
        plan.source = source
        return plan

    with pytest.raises(AssertionError, match="for the process that made it"):
        pack(Request(docroot, tmp_path / "x.bundle", url_of(awkward), None, url_of()), planned, Quiet())


def test_a_full_disk_is_said_and_nothing_is_left(docroot, tmp_path, url_of, awkward):
    disk = tmp_path / "disk"
    disk.mkdir()
    (docroot / "img" / "big.bin").write_bytes(os.urandom(4 << 20))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "shoplaunch-test", str(disk)], check=True)
    try:
        with pytest.raises(ShoplaunchError) as error:
            packed(docroot, disk / "shop.bundle", database=url_of(awkward), scratch=url_of())
        assert error.value.code == "disk_full"
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_an_older_bundle_stays_when_packing_fails(refused, docroot, tmp_path, url_of, awkward):
    target = tmp_path / "kept.bundle"
    target.write_bytes(b"old")
    (docroot / "out").symlink_to("/etc/passwd")
    with pytest.raises(ShoplaunchError):
        packed(docroot, target, database=url_of(awkward), scratch=url_of())
    assert target.read_bytes() == b"old"


def test_with_check_everything_is_done_but_no_bundle_left(docroot, tmp_path, url_of, awkward):
    out = tmp_path / "out"
    out.mkdir()
    request = Request(docroot, out / "x.bundle", url_of(awkward), None, url_of(), check=True)
    assert pack(request, lambda tree, source: PlainPlan(), Quiet()).manifest["tables"]
    assert list(out.iterdir()) == []
