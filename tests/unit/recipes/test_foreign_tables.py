"""Tables of another application in the same database are distinguished from the shop's own and its modules'."""

import pytest

from controller.recipes.foreign_tables import foreign_tables

SHOP = ("configuration", "employee", "shop", "lang", "orders")
BLOG = ("options", "posts", "users", "usermeta", "comments")

BOOKS = ("societe", "facture", "facturedet", "const", "user")
TOOLS = ("bookmark", "table_uiprefs", "column_info", "pdf_pages")


def named(prefix, names):
    return [prefix + name for name in names]


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (("ps_", SHOP), ("old_", SHOP)),
        (("ps_", SHOP), ("ps_2_", SHOP)),
        (("ps_2_", SHOP), ("ps_", SHOP)),
        (("", SHOP), ("old_", SHOP)),
        (("ps_", SHOP), ("wp_", BLOG)),
        (("wp_", BLOG), ("ps_", SHOP)),
        (("ps_", SHOP), ("", BLOG)),
        (("ps_", SHOP), ("llx_", BOOKS)),
        (("wp_", BLOG), ("pma__", TOOLS)),
    ],
)
def test_another_installation_is_foreign_whatever_its_prefix(own, other):
    mine, others = named(*own), named(*other)
    assert foreign_tables([*mine, *others], own[0]) == set(others)


def test_a_modules_table_without_prefix_is_not_foreign():
    assert foreign_tables([*named("ps_", SHOP), "megamenu", "options", "wp_notes"], "ps_") == set()
