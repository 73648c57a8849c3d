"""`shoplaunch pack` on a real sample shop with everything that may be wrong with dump, database and disk."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.packing.conftest import sample  # noqa: F401 - a fixture
from tests.support.shops.packing import server_url

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))


@pytest.fixture(scope="module")
def dump(sample, mariadb_server):  # noqa: F811
    """The sample shop's dump (bytes)."""
    name = sample[1].split("/")[3].split("?")[0]
    command = ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", name]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


@pytest.fixture
def refused(commands, sample, mariadb_server, tmp_path):  # noqa: F811
    """A function: pack the sample shop with these words, or this dump; return (code, what was said)."""

    def attempt(*words, content=None, docroot=None, **environment):
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        if content is not None:
            (tmp_path / "shop.sql").write_bytes(content)
            words = ("--dump", tmp_path / "shop.sql", *words)
        if "--scratch" not in words:
            words = (*words, "--scratch", server_url(mariadb_server))
        before = mariadb_server.query("SHOW DATABASES")
        refusal = commands.refused(
            "pack", "--docroot", docroot or sample[0], "-o", out / "shop.bundle", *words, **environment
        )
        assert list(out.iterdir()) == []
        assert mariadb_server.query("SHOW DATABASES") == before
        return refusal

    return attempt


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda dump: dump[: len(dump) // 2], "dump_truncated"),
        (lambda dump: dump[: dump.rindex(b"-- Dump completed")], "dump_truncated"),
        (lambda dump: b"", "dump_truncated"),
        (lambda dump: gzip.compress(dump)[:-2000], "dump_truncated"),
        (lambda dump: gzip.compress(dump)[:-8] + b"12345678", "dump_unreadable"),
        (lambda dump: os.urandom(20_000), "dump_unreadable"),
        (lambda dump: dump + b"\nINSERT INTO mysql.user VALUES (1);\n", "dump_names_database"),
        (lambda dump: dump + b"\nGRANT ALL ON *.* TO somebody;\n", "dump_statement_unknown"),
        (lambda dump: dump.replace(b"`ps_", b"`other_").replace(b"`other_shop_url`", b"`x`"), "prefix_mismatch"),
        (lambda dump: b"CREATE TABLE `t` (`a` int);\n", "prefix_mismatch"),
        (lambda dump: dump.replace(b"'8.2.1'", b"'8.1.7'"), "database_of_another_tree"),
    ],
    ids=["cut", "no-end", "empty", "gzip-cut", "gzip-altered", "noise", "other-database", "grant",
         "prefix", "no-shop",
         "of-another-shop"],
)  # fmt: skip
def test_a_dump_that_cannot_be_used_is_refused_by_name(refused, dump, change, code):
    assert refused(content=change(dump))[0] == code


def test_what_a_dump_says_never_steers_the_terminal(refused, dump):
    _, said = refused(content=dump + b"\n\x1b[2J\x1b]0;title\x07GRANT \x1b[31mALL;\n")
    assert "\x1b" not in said and "\x07" not in said


def test_domains_of_two_shops_are_several(refused, sample, mariadb_server):  # noqa: F811
    _, url, password = sample
    table = url.split("/")[3].split("?")[0] + ".ps_shop_url"
    mariadb_server.query(
        f"INSERT INTO {table} (id_shop, domain, domain_ssl, physical_uri, virtual_uri, main, active)"
        f" SELECT 2, 'second.example', 'second.example', physical_uri, '', 1, 1 FROM {table}"
    )
    try:
        code, said = refused("--database", url, SHOPLAUNCH_SOURCE_PASSWORD=password)
        assert code == "several_domains"
        assert "second.example" in said
    finally:
        mariadb_server.query(f"DELETE FROM {table} WHERE id_shop = 2")


@pytest.mark.parametrize(
    "url",
    ["nonsense", "mysql://a@h:port/x", "mysql://[::1/x", "mysql://a@localhost/", "postgres://a@h/x",
     "mysql://a:hidden-word@nosuchhost.invalid/x", "mysql://a:hidden-word@localhost/x?ssl=1"],
)  # fmt: skip
def test_an_address_of_a_database_that_is_none_is_reported_without_its_password(refused, url):
    code, said = refused("--database", url)
    assert code == "source_database"
    assert "hidden-word" not in said


def test_a_wrong_password_is_reported_without_it(refused, sample):  # noqa: F811
    code, said = refused("--database", sample[1], SHOPLAUNCH_SOURCE_PASSWORD="hidden-word")
    assert code == "source_database"
    assert "hidden-word" not in said


def test_the_templates_password_is_never_offered_to_the_scratch_server(commands, sample, mariadb_server, tmp_path):  # noqa: F811
    root, url, password = sample
    done = commands.run(
        "pack", "--docroot", root, "--database", url, "--scratch", server_url(mariadb_server), "--check",
        "-o", tmp_path / "x.bundle", SHOPLAUNCH_SOURCE_PASSWORD=password,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr


def test_the_scratch_server_has_a_password_variable_of_its_own(refused, dump, mariadb_server):
    _, user, _ = mariadb_server.new_database()
    scratch = f"mysql://{user}@localhost/?unix_socket={mariadb_server.socket}"
    code, said = refused("--scratch", scratch, content=dump, SHOPLAUNCH_SCRATCH_PASSWORD="hidden-word")
    assert code == "scratch_failed"
    assert "using password: YES" in said and "hidden-word" not in said


@pytest.mark.root
def test_a_full_disk_under_the_scratch_server_is_called_so_and_nothing_stays(sample, dump, tmp_path):  # noqa: F811
    (tmp_path / "shop.sql").write_bytes(dump)
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "shoplaunch-test", str(disk)], check=True)
    try:
        done = subprocess.run(
            [SHOPLAUNCH, "pack", "--docroot", str(sample[0]), "--dump", str(tmp_path / "shop.sql"), "-o",
             str(tmp_path / "x.bundle")],
            env={**os.environ, "TMPDIR": str(disk)}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 1
        assert "disk_full: " in done.stderr and "TMPDIR" in done.stderr
        assert list(disk.iterdir()) == []
        assert not (tmp_path / "x.bundle").exists()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda root: shutil.rmtree(root), "docroot_missing"),
        (lambda root: (shutil.rmtree(root), root.mkdir()), "not_this_application"),
        (lambda root: (shutil.rmtree(root), root.write_text("a file")), "docroot_missing"),
        (lambda root: (root / "app/AppKernel.php").unlink(), "unknown_version"),
        (lambda root: (root / "app/config/parameters.php").write_text("<?php return array("), "config_unreadable"),
        (lambda root: (root / "loose").symlink_to("/etc/passwd"), "tree_link_outside"),
        (lambda root: open(os.fsencode(root) + b"/caf\xe9", "w").close(), "tree_name_encoding"),
        (lambda root: shutil.copytree(next(root.glob("admin*")), root / "admin2"), "admin_folder_unknown"),
    ],
    ids=["gone", "empty", "a-file", "no-release", "half-settings", "link", "name", "two-offices"],
)
def test_a_tree_that_cannot_be_packed_is_refused_by_name(refused, sample, dump, tmp_path, prepare, code):  # noqa: F811
    root = tmp_path / "shop"
    shutil.copytree(sample[0], root, symlinks=True)
    for link in [path for path in root.rglob("*") if path.is_symlink()]:
        # An absolute link of the sample shop leads into the sample shop
        if link.readlink().is_relative_to(sample[0]):
            inside = link.readlink().relative_to(sample[0])
            link.unlink()
            link.symlink_to(root / inside)
    prepare(root)
    assert refused(content=dump, docroot=root)[0] == code
