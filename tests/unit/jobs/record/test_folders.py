"""The folder below which a shop may live: its canonical form, and what it may not be called."""

import pytest

from controller.jobs.record.folders import MAX_CHARS, RESERVED, check_folder
from shared.errors import ShoplaunchError

LONGEST = "a" * MAX_CHARS


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("", ""), ("/", ""), (" // ", ""), ("shop", "shop"), ("/shop/", "shop"), ("  shop ", "shop"),
        ("a/b/c", "a/b/c"), ("Shop-1_b.c", "Shop-1_b.c"), ("_a/-b", "_a/-b"), (LONGEST, LONGEST),
        ("well-known", "well-known"), ("cgi-bins", "cgi-bins"), ("my-icons", "my-icons"),
    ],
)  # fmt: skip
def test_a_folder_for_a_shop_has_one_form(folder, found):
    assert check_folder(folder) == found


@pytest.mark.parametrize(
    "folder",
    [
        ".hidden", "a/.hidden", "..", "a/../b", ".", "a//b", "a b", "a\\b", "a\nb", "shop\n/b", "läden", "فروشگاه",
        "a?b", "a%2fb", "a\0", LONGEST + "a",
    ],
)  # fmt: skip
def test_what_is_no_folder_for_a_shop_is_refused(folder):
    with pytest.raises(ShoplaunchError) as refused:
        check_folder(folder)
    assert refused.value.code == "folder_invalid"


@pytest.mark.parametrize(
    "folder",
    [*sorted(RESERVED), "CGI-BIN", "shop/cpanel", "cpanel/shop", ".well-known", ".Well-Known/x", ".well-known-2",
     ".shoplaunch", "a/.shoplaunch-b"],
)  # fmt: skip
def test_what_servers_and_panels_have_for_themselves_is_refused(folder):
    with pytest.raises(ShoplaunchError) as refused:
        check_folder(folder)
    assert refused.value.code == "folder_reserved"
