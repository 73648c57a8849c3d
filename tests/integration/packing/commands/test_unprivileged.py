"""Packing as a user whose rights count: what it may not read is named, what is never packed does not matter."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.cli import main
from tests.integration.packing.conftest import installed_sample
from tests.support.shops.packing import server_url

pytestmark = pytest.mark.root
NOBODY = pwd.getpwnam("nobody")
PAGE = "var/cache/prod/smarty/compile/page.php"


@pytest.fixture(scope="module")
def folder(mariadb_server):
    """A folder of nobody's with a sample shop in `shop` and its dump next to it (Path)."""
    folder = Path(tempfile.mkdtemp(prefix="shoplaunch-nobody-"))
    try:
        root, url, _ = installed_sample(folder / "shop", mariadb_server)
        (root / PAGE).parent.mkdir(parents=True, exist_ok=True)
        (root / PAGE).write_text("<?php /* from '/home/old/public_html/themes/classic/page.tpl' */")
        (root / ".well-known").mkdir()
        name = url.split("/")[3].split("?")[0]
        command = ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", name]
        (folder / "shop.sql").write_bytes(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        subprocess.run(["chown", "-R", f"{NOBODY.pw_uid}:{NOBODY.pw_gid}", str(folder)], check=True)
        # Root may: what a test finds is its own doing. What is imported late is there for nobody, too
        code, said = packed(folder, "--check", "--scratch", server_url(mariadb_server))
        assert code == 0, said
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def locked(folder):
    """A function: what matches `pattern` belongs to root for the test, who alone may read it."""
    found = []

    def lock(pattern):
        (path,) = folder.glob(pattern)
        found.append((path, path.stat().st_mode))
        os.chown(path, 0, 0)
        path.chmod(0o700 if path.is_dir() else 0o600)
        return path

    yield lock
    for path, mode in found:
        path.chmod(mode)
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)


def packed(folder, *more):
    """Pack the shop; return (exit code, what was said)."""
    words = ["pack", "--docroot", folder / "shop", "--dump", folder / "shop.sql", "-o", folder / "x.bundle", *more]
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


def packed_by_nobody(folder, *more):
    """Pack the shop as nobody; return (exit code, what was said)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of the test run may go on in here
        try:
            os.setgroups([])
            os.setgid(NOBODY.pw_gid)
            os.setuid(NOBODY.pw_uid)
            code, said = packed(folder, *more)
            os.write(writing, f"{code} {said}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        code, _, said = stream.read().decode().partition(" ")
    os.waitpid(child, 0)
    return int(code), said


@pytest.mark.sampled(of=3, rests=True)
def test_a_user_packs_a_shop_of_his_own_with_a_scratch_server_of_his_own(folder):
    code, said = packed_by_nobody(folder)
    assert code == 0, said
    (folder / "x.bundle").unlink()


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("place", ["index.php", "app/config/parameters.php", "themes/*", "classes", "config", "admin*"])
def test_what_is_packed_but_may_not_be_read_is_reported_by_name(folder, locked, mariadb_server, place):
    found = locked(f"shop/{place}")
    code, said = packed_by_nobody(folder, "--scratch", server_url(mariadb_server))
    assert code == 1, said
    failure, _advice, following = said.splitlines()[-3:]
    assert failure.startswith(("tree_unreadable: ", "config_unreadable: ")), said
    assert following.startswith("Next: "), said
    assert found.name in failure
    assert "Permission denied" in failure


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("place", [PAGE, str(Path(PAGE).parent), "var/cache/prod/smarty", ".well-known"])
def test_what_is_never_packed_need_not_be_readable(folder, locked, mariadb_server, place):
    locked(f"shop/{place}")
    code, said = packed_by_nobody(folder, "--check", "--scratch", server_url(mariadb_server))
    assert code == 0, said
