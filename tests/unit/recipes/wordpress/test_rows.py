"""Which rows of plugins' tables of a WordPress belong to customers, and which are content."""

from types import SimpleNamespace

import pytest

from controller.recipes.own_tables import Administrator
from controller.recipes.wordpress.database.rows import RowRules
from controller.recipes.wordpress.facts import signs_in_by_email
from controller.recipes.wordpress.recipe import WordPress
from shared.placeholders import token
from tests.unit.bundles.rewrite.helpers import serialize

PLUGINS = {
    "wc_orders": ("id", "customer_id", "billing_email"),
    "wc_customer_lookup": ("customer_id", "user_id", "email"),
    "woocommerce_sessions": ("session_id", "session_value"),
    "actionscheduler_actions": ("action_id", "hook"),
    "actionscheduler_groups": ("group_id", "slug"),
    "comments": ("comment_ID", "comment_author_email"),
    "db7_forms": ("form_id", "form_value"),
    "gf_entry": ("id", "form_id", "ip"),
    "gf_form": ("id", "title"),
    "revslider_slides": ("id", "slider_id", "slide_order", "params"),
    "icl_translations": ("translation_id", "element_type", "element_id", "language_code"),
    "acme_orders": ("id", "order_id", "amount"),
    "acme_contact_log": ("id", "email", "remote_ip"),
    "acme_lessons": ("id", "user_id", "title"),
    "power_stats_visits": ("id", "date", "ip", "referer"),
    "duplicator_packages": ("id", "name", "hash", "package"),
    "aws_cache": ("name", "value"),
    "wcboost_wishlist_items": ("item_id", "product_id", "wishlist_id"),
}


def rules(keep=False, by_email=True):
    names = ("options", "posts", "postmeta", "users", "usermeta", *PLUGINS)
    full = {f"wp_{name}": PLUGINS.get(name, ("id",)) for name in names}
    known = {
        name: SimpleNamespace(columns=[SimpleNamespace(name=one) for one in columns], key=columns[:1])
        for name, columns in full.items()
    }
    database = SimpleNamespace(
        prefix="wp_", foreign=frozenset(), tables={name[3:]: name for name in full}, own_tables=lambda: known,
        rows=lambda sql: [], count=lambda name, where="": 0, others={},
    )  # fmt: skip
    return RowRules(database, Administrator(1, "a@b.example"), "1a2b3c4d", keep, by_email)


@pytest.mark.parametrize(
    "table",
    ["wc_orders", "wc_customer_lookup", "woocommerce_sessions", "actionscheduler_actions", "comments", "db7_forms",
     "gf_entry", "acme_contact_log"],
)  # fmt: skip
def test_orders_visitors_and_what_they_sent_are_left_out(table):
    assert rules().condition(f"wp_{table}") is None


@pytest.mark.parametrize("table", ["revslider_slides", "icl_translations", "gf_form", "actionscheduler_groups"])
def test_designs_translations_and_forms_stay_whole(table):
    assert rules().condition(f"wp_{table}") == ""


def test_rows_of_an_order_go_whatever_the_plugin_is_called():
    assert rules().condition("wp_acme_orders") == "COALESCE(`order_id`, '') IN ('', '0')"
    assert rules(keep=True).condition("wp_acme_orders") == ""


def test_rows_of_customers_go_and_what_others_wrote_stays():
    condition = rules().condition("wp_acme_lessons")
    assert condition.startswith("COALESCE(`user_id`, 0) NOT IN (SELECT user_id FROM `wp_usermeta`")
    assert "customer" in condition and "administrator" not in condition


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("kind", ["scheduled-action", "shop_webhook", "revision"])
def test_what_an_older_shop_kept_as_posts_and_a_newer_one_in_tables_is_left_out_all_the_same(kind, keep):
    assert f"'{kind}'" in rules(keep).condition("wp_posts")
    assert f"'{kind}'" in rules(keep).condition("wp_postmeta")


@pytest.mark.parametrize("table", ["power_stats_visits", "duplicator_packages", "aws_cache", "wcboost_wishlist_items"])
def test_visits_backups_caches_and_wishlists_are_left_out(table):
    assert rules().condition(f"wp_{table}") is None


USER = {"ID": b"1", "user_login": b"boss", "user_email": b"a@b.example", "user_activation_key": b""}


def test_before_4_5_only_a_name_signs_in_and_the_name_is_the_address_that_clients_get():
    assert [signs_in_by_email(version) for version in ("4.0", "4.4.34", "4.5", "5.0", "6.8")] == [
        False, False, True, True, True,
    ]  # fmt: skip
    old, new = (rules(by_email=one).cells("wp_users", USER) for one in (False, True))
    assert old["user_login"] == old["user_email"] == token("1a2b3c4d", "admin.email")
    assert (new["user_login"], new["user_nicename"], old["user_nicename"]) == (b"owner", b"owner", b"owner")
    # The column of names is shorter than that of addresses
    assert [WordPress().limits_of(version)["admin.email"] for version in ("4.4", "4.5")] == [60, 100]


@pytest.mark.parametrize("user", [b"1", b"7"])
def test_tokens_that_plugins_keep_with_a_user_are_emptied_the_administrators_too(user):
    table = SimpleNamespace(name="wp_usermeta")
    row = {
        "user_id": user,
        "meta_key": b"acme_settings",
        "meta_value": serialize({b"access_token": b"q7Wm4zR9tLk2Zz81"}),
    }
    assert rules().cells(table.name, row) == {"meta_value": serialize({b"access_token": b""})}
    row = {"user_id": user, "meta_key": b"show_admin_bar_front", "meta_value": b"true"}
    assert rules().cells(table.name, row) == {}
