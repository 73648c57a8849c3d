"""What an account's PHP keeps in memory is read, changed or listed by no other account, whatever it asks PHP for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.panels.local import check, php_versions
from controller.panels.local.blocks import FILE_NAME
from tests.attacks.table import attack
from tests.support.servers.local_server import LocalServer, as_user, reload

pytestmark = pytest.mark.root

SECRET = "password-of-the-victims-database"
SETTINGS = f"<?php return ['password' => '{SECRET}'];".encode()
SHOP = b"<?php include __DIR__ . '/settings.php'; echo extension_loaded('Zend OPcache') ? 'shop' : 'no opcache';"
LOOK = b"<?php var_export(@include $_GET['file']); var_export(opcache_get_status());"
#: Speaks with the account's own pool as Apache does, and with whatever settings of PHP it likes.
ASK = """
import socket, struct, sys
def pair(name, value):
    sizes = (struct.pack("!I", len(part) | 0x80000000) for part in (name, value))
    return b"".join(sizes) + name + value
def record(kind, content):
    return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content
door, script, wanted = (word.encode() for word in sys.argv[1:])
settings = b"\\n".join((b"opcache.enable=1", b"opcache.validate_permission=0", b"opcache.validate_timestamps=0",
                       b"open_basedir=/", b"disable_functions=", b"apc.enabled=1"))
given = {b"SCRIPT_FILENAME": script, b"QUERY_STRING": b"file=" + wanted, b"REQUEST_METHOD": b"GET",
         b"PHP_ADMIN_VALUE": settings}
with socket.socket(socket.AF_UNIX) as pool:
    pool.connect(door)
    words = b"".join(pair(*one) for one in given.items())
    pool.sendall(record(1, struct.pack("!HB5x", 1, 0)) + record(4, words) + record(4, b"") + record(5, b""))
    while piece := pool.recv(65536):
        sys.stdout.buffer.write(piece)
"""


@pytest.fixture(scope="module", params=["scripts in files", "scripts in memory"])
def server(request):
    """A server whose PHP is set as ours is, or as systems set it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "scripts in memory":
            patch.setattr("controller.panels.local.private_stack.config.php_memory", lambda _folder: [])
        server = LocalServer().start()
        yield server
        server.stop()


@pytest.fixture
def people(server):
    """A victim, whose scripts PHP has compiled and would keep, and an attacker."""
    victim, attacker = server.new_account(), server.new_account()
    server.panel().put_file(victim, "public_html/settings.php", SETTINGS, 0o600)
    server.panel().put_file(victim, "public_html/index.php", SHOP, 0o600)
    server.panel().put_file(attacker, "public_html/look.php", LOOK, 0o600)
    # opcache keeps no file that may still be written to
    as_user(victim.user, "touch", "-d", "1 hour ago", *(f"{victim.document_root}/{name}" for name in
            ("settings.php", "index.php")))  # fmt: skip
    kept(server, victim)
    return victim, attacker


def kept(server, victim):
    for _ in range(3):
        assert server.get(victim.domain) == (200, b"shop")


def asked(server, attacker, wanted):
    """Return what the attacker's pool answers a process of the attacker's."""
    php = server.settings().php[0]
    door = f"{php.sockets}/shoplaunch-{attacker.user}-{php.version}.sock"
    script = f"{attacker.document_root}/look.php"
    done = as_user(attacker.user, shutil.which("python3", path="/usr/bin"), "-c", ASK, door, script, wanted, timeout=60)
    assert b"false" in done.stdout, done.stderr
    return done.stdout.decode("utf-8", "replace")


@attack("An account asks its own PHP, with settings of its own, for a compiled script of another account's",
        "there is none in memory of both: neither its secrets nor its name")  # fmt: skip
def test_no_account_reads_anothers_compiled_scripts(server, people):
    victim, attacker = people
    found = asked(server, attacker, f"{victim.document_root}/settings.php")
    assert SECRET not in found
    assert victim.user not in found


@attack("Pools of an earlier version keep every account's scripts in memory of all accounts",
        "`server check` says so, and the next order, or retry, on the server writes all of them anew")  # fmt: skip
def test_pools_of_an_earlier_version_are_closed_with_the_next_order(server, people):
    victim, attacker = people
    php = server.settings().php[0]
    path = Path(php.pools) / FILE_NAME
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "opcache" not in line))
    reload(php.reload)
    row = next(row for row in check.check_server(server.settings()) if row.name == "php pools")
    assert (row.ok, row.essential) == (False, True)
    assert victim.user in row.message
    server.panel().ensure_php(attacker, "7.0", None, [])
    row = next(row for row in check.check_server(server.settings()) if row.name == "php pools")
    assert row.ok
    kept(server, victim)
    assert SECRET not in asked(server, attacker, f"{victim.document_root}/settings.php")


def test_scripts_are_kept_compiled_in_files_of_the_account(server, people):
    victim, _attacker = people
    row = next(row for row in check.check_server(server.settings()) if row.name.endswith(" memory"))
    found = list(Path(victim.home, ".php").rglob("settings.php.bin"))
    assert bool(found) == row.ok
    assert all(one.stat().st_uid == server.panel().reader(victim) for one in found)


APCU_SHOP = b"<?php echo function_exists('apcu_store') && apcu_store('cart', 'of the victim') ? 'kept' : 'not kept';"
APCU_LOOK = b"<?php var_export(function_exists('apcu_fetch') ? apcu_fetch('cart') : false);"


@attack("An account reads, or writes, what another account's shop keeps in APCu",
        "nothing of any account is there")  # fmt: skip
def test_no_account_reads_what_anothers_shop_keeps_in_apcu(monkeypatch, tmp_path):
    module = apcu()
    if module is None:
        pytest.skip("PHP's APCu is not installed (SHOPLAUNCH_TEST_APCU names its file)")
    tmp_path.joinpath("apcu.ini").write_text(f"extension={module}\n")
    monkeypatch.setenv("PHP_INI_SCAN_DIR", f":{tmp_path}")
    server = LocalServer().start()
    try:
        assert "apcu" in php_versions.extensions_of(server.settings().php[0])
        victim, attacker = server.new_account(), server.new_account()
        server.panel().put_file(victim, "public_html/index.php", APCU_SHOP, 0o600)
        server.panel().put_file(attacker, "public_html/look.php", APCU_LOOK, 0o600)
        assert server.get(victim.domain) == (200, b"not kept")
        assert "of the victim" not in asked(server, attacker, "none")
    finally:
        server.stop()


def apcu():
    """Return the file of the extension for the newest PHP, None where there is none."""
    if named := os.environ.get("SHOPLAUNCH_TEST_APCU"):
        return named
    command = ["php", "-r", "echo ini_get('extension_dir');"]
    folder = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return f"{folder}/apcu.so" if os.path.exists(f"{folder}/apcu.so") else None
