"""The command to give next is one that exists, with the names that were given, and without a password."""

from pathlib import Path

import pytest

from controller.cli.packing.next_command import after_check, after_failure, after_packing

ROOT = Path("/shops/my shop")


@pytest.mark.parametrize(
    ("file", "name"), [("tea.bundle", "tea"), ("My Shop (2).bundle", "My-Shop-2"), ("فروشگاه.bundle", "shop")]
)
def test_a_bundle_is_made_known_under_a_name_that_will_do(file, name):
    assert after_packing(Path(file)).startswith(f"shoplaunch bundle add {name} ")


def test_after_a_check_the_same_is_packed():
    assert after_check(ROOT, Path("a.sql")) == "shoplaunch pack --docroot '/shops/my shop' --dump a.sql -o shop.bundle"
    assert "--database URL" in after_check(ROOT, None)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("domain_unknown", "--domain DOMAIN"),
        ("dump_failed", "--scratch URL"),
        ("disk_full", "--check"),
        ("db_data_error", "--scratch URL"),
    ],
)
def test_after_a_failure_the_command_holds_what_was_missing_or_shows_all_problems(code, said):
    assert said in after_failure(code, ROOT, None, checked=False)
