"""What accounts' pools say of the memory that all of them share, and how pools of earlier versions are changed."""

import pytest

from controller.panels.local import php_versions
from controller.panels.local.php_versions import PhpFpm
from controller.panels.local.services import php_memory

EARLIER = b"""[shoplaunch-alice]
user = alice
env[HOME] = /srv/home/alice
php_admin_value[open_basedir] = /srv/home/alice/
php_value[max_input_vars] = 20000
"""
IN_MEMORY = "opcache.enable => On => On\nopcache.file_cache_only => Off => Off\n"
IN_FILES = "opcache.enable => On => On\nopcache.file_cache_only => On => On\n"


def php(monkeypatch, name, settings):
    monkeypatch.setattr(php_versions, "settings_of", lambda _php: settings)
    return PhpFpm(name, (f"/usr/sbin/php-fpm{name}",), "/pools", "/sockets", ("true",))


@pytest.mark.parametrize(
    "settings, line",
    [
        (IN_MEMORY, "php_admin_flag[opcache.enable] = off"),
        ("opcache.enable => Off => Off\n", "php_admin_flag[opcache.enable] = off"),
        (IN_FILES, "php_admin_value[opcache.file_cache] = /srv/home/alice/.php"),
    ],
)
def test_compiled_scripts_are_the_accounts_own_or_not_kept(monkeypatch, settings, line):
    one = php(monkeypatch, f"8.4-{hash(settings)}", settings)
    text = php_memory.closed(one, EARLIER).decode()
    assert [found for found in text.splitlines() if "opcache" in found] == [line]
    assert text.startswith(EARLIER.decode())


def test_a_php_without_opcache_is_asked_nothing_it_does_not_know(monkeypatch):
    assert "opcache" not in php_memory.lines(php(monkeypatch, "8.3", "memory_limit => 1 => 1\n"), "/home/alice")


def test_nothing_is_put_into_apcu_or_read_from_it(monkeypatch):
    text = php_memory.lines(php(monkeypatch, "8.2", IN_FILES), "/home/alice")
    (line,) = (line for line in text.splitlines() if line.startswith("php_admin_value[disable_functions] = "))
    assert {"apcu_store", "apcu_add", "apcu_entry", "apcu_fetch", "apcu_cache_info"} <= set(line.split()[-1].split(","))


def test_nothing_is_put_into_the_systems_memory(monkeypatch):
    text = php_memory.lines(php(monkeypatch, "7.4", IN_FILES), "/home/alice")
    (line,) = (line for line in text.splitlines() if line.startswith("php_admin_value[disable_functions] = "))
    assert {"shm_attach", "shmop_open", "msg_get_queue", "apc_store"} <= set(line.split()[-1].split(","))


def test_extensions_get_their_settings_where_they_are(monkeypatch):
    settings = "\nsoap.wsdl_cache_dir => /tmp => /tmp\nyac.enable => On => On\n"
    text = php_memory.lines(php(monkeypatch, "7.3", IN_FILES + settings), "/home/alice")
    assert "\nphp_admin_value[soap.wsdl_cache_dir] = /home/alice/.php/tmp\n" in text
    assert "\nphp_admin_flag[yac.enable] = off\n" in text
    without = php_memory.lines(php(monkeypatch, "7.2", IN_FILES), "/home/alice")
    assert "soap" not in without
    assert "yac" not in without


def test_settings_in_no_encoding_are_read():
    one = PhpFpm(
        "7.1", ("/usr/bin/printf", r"yac.enable => \236\nopcache.enable => On\n"), "/pools", "/sockets", ("true",)
    )
    assert "\nopcache.enable => On" in php_versions.settings_of(one)


def test_a_pool_is_changed_once_and_again_when_phps_settings_change(monkeypatch):
    before = php_memory.closed(php(monkeypatch, "8.1", IN_MEMORY), EARLIER)
    assert php_memory.closed(php(monkeypatch, "8.1", IN_MEMORY), before) == before
    later = php_memory.closed(php(monkeypatch, "8.0", IN_FILES), before)
    assert later != before
    assert later == php_memory.closed(php(monkeypatch, "8.0", IN_FILES), EARLIER)
