"""A php-fpm made of WebAssembly reads the pools a panel writes, and answers what a panel asks."""

import tempfile
from pathlib import Path

import pytest

from controller.panels.local import php_versions
from controller.panels.local.services.php_fpm import _POOL
from tests.support.php_wasm import fpm, stack

VALUES = {"user": "alice", "group": "alice", "socket": "/run/alice.sock", "home": "/home/alice", "memory_limit": "512M",
          "database_socket": "/run/mysqld.sock", "upload_limit": "64M", "memory": ""}  # fmt: skip


def test_it_serves_every_pool_of_the_configuration_with_the_settings_php_understands(tmp_path):
    (tmp_path / "pools").mkdir()
    (tmp_path / "pools" / "shops.conf").write_text("; by the panel\n" + _POOL.format(**VALUES))
    (tmp_path / "pools" / "idle.conf").write_text("[idle]\nuser = www-data\nlisten = /run/idle.sock\n")
    (tmp_path / "fpm.conf").write_text(f"[global]\npid = {tmp_path}/fpm.pid\ninclude = {tmp_path}/pools/*.conf\n")
    pools = fpm.read_pools(tmp_path / "fpm.conf")
    assert set(pools) == {"idle", "shoplaunch-alice"}
    pool = pools["shoplaunch-alice"]
    assert (pool["user"], pool["listen"], pool["listen.mode"]) == ("alice", "/run/alice.sock", "0600")
    assert pool["env[HOME]"] == "/home/alice"
    ini = fpm.ini_of(pool)
    assert (ini["mysqli.default_socket"], ini["memory_limit"], ini["display_errors"]) == (
        "/run/mysqld.sock",
        "512M",
        "0",
    )
    assert "open_basedir" not in ini


@pytest.fixture
def short_folder():
    """A folder whose path leaves room for the names of sockets."""
    with tempfile.TemporaryDirectory(prefix="slw") as made:
        yield Path(made)


@pytest.mark.parametrize("series, intl", [("7.0", True), ("7.1", True), ("7.2", False)])
def test_a_series_is_asked_where_it_is_installed_and_has_intl_if_no_build_of_it_could(
    short_folder, monkeypatch, series, intl
):
    asked = []
    monkeypatch.setattr(fpm, "ask", lambda *words: asked.append(words) or "Core\ngd\n")
    monkeypatch.setattr(stack, "installed_binaries", list)
    folders = {"7.0": "/old", "7.1": "/old", "7.2": "/later"}
    (made,) = stack.WasmStack(short_folder, folders=folders, wasm={"5.6": series}).php_versions()
    assert php_versions.extensions_of(made) == {"core", "gd", *(["intl"] if intl else [])}
    assert (made.version, asked) == ("5.6", [(folders[series], series, "modules")])


def test_each_series_has_its_own_extensions(short_folder, monkeypatch):
    monkeypatch.setattr(fpm, "ask", lambda folder, series, what: f"only-{series}\n")
    monkeypatch.setattr(stack, "installed_binaries", list)
    wasm = {"7.1": "7.1", "7.4": "7.4"}
    made = stack.WasmStack(short_folder, folders=dict.fromkeys(wasm, "/any"), wasm=wasm).php_versions()
    assert [php_versions.extensions_of(php) for php in made] == [{"only-7.1", "intl"}, {"only-7.4"}]
