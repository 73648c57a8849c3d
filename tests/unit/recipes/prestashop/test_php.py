"""Which PHP runs which release of PrestaShop: by release, by what the tree's libraries ask for, by its modules."""

import pytest

from controller.recipes.prestashop.facts import SERIES
from controller.recipes.prestashop.php_versions import php_of, release_of

#: Version: (least, made for, newest), as the releases' trees and their makers say.
KNOWN = {
    "1.6.0.5": ("5.4", "5.6", "5.6"), "1.6.0.14": ("5.4", "5.6", "5.6"), "1.6.1.0": ("5.4", "5.6", "5.6"),
    "1.6.1.3": ("5.4", "5.6", "5.6"), "1.6.1.4": ("5.4", "7.0", "7.0"), "1.6.1.10": ("5.4", "7.0", "7.0"),
    "1.6.1.11": ("5.4", "7.0", "7.0"), "1.6.1.13": ("5.4", "7.0", "7.0"), "1.6.1.17": ("5.4", "7.0", "7.0"),
    "1.6.1.18": ("5.4", "7.1", "7.4"), "1.6.1.24": ("5.4", "7.1", "7.4"), "1.7.0.0": ("5.4", "7.1", "7.1"),
    "1.7.3.4": ("5.4", "7.1", "7.1"), "1.7.4.0": ("5.6", "7.2", "7.4"), "1.7.6.9": ("5.6", "7.2", "7.4"),
    "1.7.7.0": ("7.1.3", "7.3", "7.4"), "1.7.7.8": ("7.1.3", "7.3", "7.4"), "1.7.8.0": ("7.1.3", "7.4", "7.4"),
    "1.7.8.11": ("7.1.3", "7.4", "7.4"), "8.0.0": ("7.2.5", "8.1", "8.4"), "8.2.1": ("7.2.5", "8.1", "8.4"),
    "9.0.0": ("8.1", "8.4", "8.4"), "9.1.0": ("8.1", "8.5", "8.5"),
}  # fmt: skip


def asks(folder, number):
    """Write what Composer's loader in `folder` checks."""
    (folder / "vendor" / "composer").mkdir(parents=True)
    (folder / "vendor" / "composer" / "platform_check.php").write_text(f"<?php if (!(PHP_VERSION_ID >= {number})) {{}}")


@pytest.mark.parametrize("version", KNOWN)
def test_each_release_has_its_own_range(tmp_path, version):
    release = release_of(version)
    assert (release.minimum, release.preferred, release.maximum) == KNOWN[version]
    needs = php_of(tmp_path, version, [])
    assert (needs.minimum, needs.maximum) == (release.minimum, release.maximum)
    assert needs.preferred == (None if release.preferred == release.maximum else release.preferred)


def test_every_series_has_a_line():
    for series in SERIES:
        assert release_of(".".join(map(str, series.since))).since >= series.since


def test_intl_and_fileinfo_are_needed_since_1_7():
    assert "intl" not in release_of("1.6.1.24").extensions
    assert {"intl", "fileinfo"} <= set(release_of("1.7.0.0").extensions)


def test_libraries_and_modules_in_use_raise_the_least(tmp_path):
    asks(tmp_path, 70205)
    asks(tmp_path / "modules" / "used", 80100)
    asks(tmp_path / "modules" / "idle", 80300)
    assert php_of(tmp_path, "8.0.0", []).minimum == "7.2.5"
    needs = php_of(tmp_path, "8.0.0", ["used", "absent"])
    assert (needs.minimum, needs.preferred, needs.maximum) == ("8.1", "8.1", "8.4")
    raised = php_of(tmp_path, "8.0.0", ["used", "idle"])
    assert (raised.minimum, raised.preferred, raised.maximum) == ("8.3", "8.3", "8.4")


def test_what_asks_for_more_than_the_release_runs_on_does_not_count(tmp_path):
    asks(tmp_path / "modules" / "new", 80100)
    assert php_of(tmp_path, "1.7.8.11", ["new"]).minimum == "7.1.3"


def test_the_manifest_has_what_is_preferred_only_where_it_is_not_the_newest(tmp_path):
    assert php_of(tmp_path, "8.2.1", []).as_json()["preferred"] == "8.1"
    assert "preferred" not in php_of(tmp_path, "9.0.0", []).as_json()
