"""Which rows of modules' tables belong to customers is judged by columns, never by names of tables."""

from types import SimpleNamespace

import pytest

from controller.recipes.customers.columns import rows_to_keep


def table(*columns, key=()):
    return SimpleNamespace(columns=[SimpleNamespace(name=name) for name in columns], key=key)


@pytest.mark.parametrize(
    "columns",
    [
        ("id_funding_source", "name", "active", "position", "id_shop"),
        ("id_payment_method", "id_method", "method_name", "enabled", "minimal_order_value"),
        ("id_ce_revision", "parent", "title", "content", "id_employee"),
        ("id_order_state", "send_email"),
        ("id_cart_rule", "id_cart_rule_combination"),
        ("id_supply_order", "id_supplier"),
        ("id_newsletter_popup", "email_text", "zip"),
        ("id_customer_group", "id_customer_thread_type"),
        ("id_sender", "sender_email", "subject"),
    ],
)
def test_a_table_without_a_column_of_customers_stays_whole(columns):
    assert rows_to_keep({"ps_any": table(*columns)}, ()) == {}


@pytest.mark.parametrize(
    "column", ["id_customer", "id_cart", "id_order", "id_guest", "customer_id", "order_id", "cart_id", "idOrder"]
)
def test_rows_that_name_a_customer_or_an_order_go_and_those_of_nobody_stay(column):
    found = rows_to_keep({"ps_any": table("id_any", column)}, ())
    assert found == {"ps_any": f"COALESCE(`{column}`, '') IN ('', '0')"}


def test_a_guest_is_known_by_the_address_next_to_an_empty_number():
    found = rows_to_keep({"ps_comment": table("id_comment", "id_customer", "email")}, ())
    assert "`email`" in found["ps_comment"]


def test_addresses_with_the_places_they_came_from_are_visitors():
    assert rows_to_keep({"ps_form": table("id_form", "email", "ip_address", "message")}, ()) == {"ps_form": None}


@pytest.mark.parametrize(
    "columns",
    [("id", "ip", "time"), ("ip", "timestamp", "path"), ("id", "ip_address", "date_add", "user_agent", "referer")],
)
def test_a_table_of_visits_is_about_visitors_alone(columns):
    assert rows_to_keep({"ps_today_hits": table(*columns)}, ()) == {"ps_today_hits": None}


@pytest.mark.parametrize(
    ("name", "columns"),
    [("ps_banned", ("id", "ip", "date_add")), ("ps_rules", ("id", "ip", "date_add", "action")),
     ("ps_servers", ("id", "ip", "port")), ("ps_servers", ("id", "ip"))],
)  # fmt: skip
def test_a_list_of_places_is_a_setting(name, columns):
    assert rows_to_keep({name: table(*columns)}, ()) == {}


def test_what_refers_to_such_rows_by_the_key_goes_with_them_and_what_refers_to_that_too():
    known = {
        "ps_pay_order": table("id_pay_order", "id_order", key=("id_pay_order",)),
        "ps_pay_capture": table("id_pay_capture", "id_pay_order", key=("id_pay_capture",)),
        "ps_pay_refund": table("id_pay_refund", "id_pay_capture", key=("id_pay_refund",)),
        "ps_pay_method": table("id_pay_method", key=("id_pay_method",)),
    }
    found = rows_to_keep(known, ())
    assert set(found) == {"ps_pay_order", "ps_pay_capture", "ps_pay_refund"}
    assert "FROM `ps_pay_order`" in found["ps_pay_capture"]


def test_a_key_that_other_tables_have_too_proves_nothing():
    known = {
        "ps_seller_product": table("id_product", "id_customer", key=("id_product",)),
        "ps_product": table("id_product", "price", key=("id_product",)),
        "ps_blocks": table("id_block", "id_product", key=("id_block",)),
    }
    assert set(rows_to_keep(known, ())) == {"ps_seller_product"}


def test_tables_judged_already_are_left_alone():
    assert rows_to_keep({"ps_orders": table("id_order", key=("id_order",))}, ("ps_orders",)) == {}


def test_who_failed_to_sign_in_is_forgotten():
    found = rows_to_keep({"ps_recaptcha_login_attempts": table("id_attempt", "ip", "last_try")}, ())
    assert found == {"ps_recaptcha_login_attempts": None}
