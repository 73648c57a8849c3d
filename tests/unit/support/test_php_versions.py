"""The tests find the PHP that is compiled to WebAssembly in the folders the environment names."""

import pytest

from tests.support.servers import php_versions


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return what installs series into the folders it names: "node-7-4" as a package, "php_7_0.js" in one of all."""

    def install(**contents):
        for folder, names in contents.items():
            place = tmp_path / folder / "node_modules" / "@php-wasm"
            for name in names:
                path = place / name if name.startswith("node-") else place / "node" / "jspi" / name
                path.mkdir(parents=True)
        monkeypatch.setenv(php_versions.WASM, ":".join(str(tmp_path / folder) for folder in contents))
        return {folder: str(tmp_path / folder) for folder in contents}

    return install


def test_every_named_folder_offers_its_series_the_oldest_first(installed):
    folders = installed(later=["node-7-4", "node-8-0", "node-polyfills"], earlier=["php_7_0.js", "7_0_33"])
    found = php_versions.wasm_at_hand()
    assert list(found.items()) == [("7.0", folders["earlier"]), ("7.4", folders["later"]), ("8.0", folders["later"])]


def test_a_package_of_its_own_comes_before_the_older_one_that_holds_all_series(installed):
    folders = installed(earlier=["php_7_0.js", "php_7_4.js"], later=["node-7-4"])
    assert php_versions.wasm_folder("7.4") == folders["later"]
    assert php_versions.wasm_folder("7.0") == folders["earlier"]


def test_one_that_has_no_mysql_is_not_offered(installed):
    installed(later=["node-5-2", "node-7-2"])
    assert list(php_versions.wasm_at_hand()) == ["7.2"]


def test_where_no_folder_is_named_nothing_is_at_hand(monkeypatch):
    monkeypatch.delenv(php_versions.WASM, raising=False)
    assert php_versions.wasm_at_hand() == {}
    assert php_versions.wasm_folder("7.4") is None
