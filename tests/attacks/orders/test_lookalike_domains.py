"""A domain that people could read as another one is shown as machines write it: on pages, in mails, at the terminal."""

import idna
import pytest

from controller.shop_address import ShopAddress
from tests.attacks.table import attack

#: Names that mix scripts, or whose letters all look like Latin ones.
ALIKE = (
    "\u0430pple", "p\u0430ypal", "\u0430\u0440\u0440\u04cf\u0435", "\u0441\u0441", "g\u03bfogle", "\u03bf\u03bd",
    "b\u0561nk",
)  # fmt: skip
#: Names as people have them, in one script or in those that are written together.
TRUE = (
    "\u0641\u0631\u0648\u0634\u06af\u0627\u0647", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "\u06a9\u062a\u0627\u0628\u06f1\u06f2", "m\u00fcller", "\u043c\u043e\u0441\u043a\u0432\u0430",
    "\u03b1\u03b8\u03ae\u03bd\u03b1", "\u65e5\u672c", "tokyo\u6771\u4eac", "\uc11c\uc6b8", "\u05e9\u05dc\u05d5\u05dd",
    "\u0444\u043e\u0442\u043e",
)  # fmt: skip


def in_ascii(name):
    return idna.encode(name, uts46=True).decode("ascii")


@attack(
    "somebody orders for a domain whose letters look like those of another one",
    "every page and mail shows it as machines write it, so that nobody takes it for the other",
)
@pytest.mark.parametrize("name", ALIKE)
def test_a_name_that_may_be_misread_is_shown_as_machines_write_it(name):
    written = f"{in_ascii(name)}.example.com"
    assert ShopAddress.on_usual_port(written, "shop").readable == f"{written}/shop"


@pytest.mark.parametrize("name", TRUE)
def test_names_of_one_script_are_shown_in_it(name):
    assert ShopAddress.on_usual_port(f"{in_ascii(name)}.example.com").readable == f"{name}.example.com"


def test_pages_show_it_so(site):
    job = site.order(domain="\u0430\u0440\u0440\u04cf\u0435.example.com")
    page = site.signed_in().get(f"{site.url}/admin/jobs/{job.id}", timeout=120).text
    assert in_ascii("\u0430\u0440\u0440\u04cf\u0435") in page and "\u0430\u0440" not in page
