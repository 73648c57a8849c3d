"""Tables of modules: settings and designs stay whole, rows of customers go, and what a number names is not reused."""

import pytest

from controller.bundles.template_plan import TemplatePlan
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.recipe import PrestaShop

TABLES = """
CREATE TABLE ps_pscheckout_funding_source (id_source int AUTO_INCREMENT PRIMARY KEY, name varchar(20), active int);
INSERT INTO ps_pscheckout_funding_source VALUES (1, 'paypal', 1), (2, 'card', 0);
CREATE TABLE ps_mollie_payment_method (id_payment_method int PRIMARY KEY, id_method varchar(20), enabled int);
INSERT INTO ps_mollie_payment_method VALUES (1, 'ideal', 1);
CREATE TABLE ps_ce_meta (id_ce_meta int PRIMARY KEY, id bigint, name varchar(255), value longtext);
INSERT INTO ps_ce_meta VALUES (1, 102, '_elementor_data', '[{"id":"a1"}]');
CREATE TABLE ps_iqitwishlist_product (id_w int PRIMARY KEY, id_product int, id_customer int NULL);
INSERT INTO ps_iqitwishlist_product VALUES (1, 5, 2), (2, 5, 0), (3, 5, NULL);
CREATE TABLE ps_paypal_order (id_paypal_order int PRIMARY KEY, id_order int);
INSERT INTO ps_paypal_order VALUES (1, 2);
CREATE TABLE ps_paypal_capture (id_paypal_capture int PRIMARY KEY, id_paypal_order int, result varchar(9));
INSERT INTO ps_paypal_capture VALUES (1, 1, 'done'), (2, 0, 'none');
CREATE TABLE ps_ask (id_ask int PRIMARY KEY, email varchar(99), remote_addr varchar(40));
INSERT INTO ps_ask VALUES (1, 'guest@elsewhere.example', '192.0.2.1');
"""


def fill(sample, sql):
    for statement in filter(str.strip, sql.split(";\n")):
        sample.query(statement)


def inspect(sample, **options):
    with sample.source() as source:
        return PrestaShop().inspect(sample.root, source, PackOptions(**options))


def kept(sample, table, template):
    condition = template.condition(table)
    where = "WHERE 0" if condition is None else f"WHERE {condition}" if condition else ""
    return [row[0] for row in sample.query(f"SELECT * FROM {table} {where} ORDER BY 1")]


@pytest.fixture
def modules(own_sample):
    fill(own_sample, TABLES)
    return own_sample


def test_settings_and_designs_of_modules_survive_whole(modules):
    template = inspect(modules)
    for table in ("ps_pscheckout_funding_source", "ps_mollie_payment_method", "ps_ce_meta"):
        assert template.condition(table) == ""


def test_rows_of_customers_go_and_the_others_of_the_same_table_stay(modules):
    template = inspect(modules)
    assert kept(modules, "ps_iqitwishlist_product", template) == [2, 3]
    assert kept(modules, "ps_paypal_order", template) == []
    assert kept(modules, "ps_paypal_capture", template) == [2]
    assert kept(modules, "ps_ask", template) == []


def test_what_the_template_sold_is_no_number_of_a_new_shops_dashboard(own_sample):
    fill(own_sample, "CREATE TABLE IF NOT EXISTS ps_configuration_kpi (id_configuration_kpi int AUTO_INCREMENT PRIMARY"
                     " KEY, name varchar(64), value text, date_add datetime, date_upd datetime);\n"
                     "INSERT INTO ps_configuration_kpi (name, value, date_add, date_upd) VALUES"
                     " ('AVG_ORDER_VALUE', '83.10', NOW(), NOW());\n")  # fmt: skip
    assert kept(own_sample, "ps_configuration_kpi", inspect(own_sample)) == []


def test_rows_of_customers_in_modules_tables_stay_when_they_are_asked_for(modules):
    with modules.source() as source:
        template = PrestaShop().inspect(modules.root, source, PackOptions(keep_customers=True))
        assert template.condition("ps_iqitwishlist_product") == ""
        assert "ps_iqitwishlist_product: customers" in template.personal_data()


def anonymous(sample, email="anonymous@psgdpr.com"):
    sample.query(
        "INSERT INTO ps_customer (id_customer, id_gender, firstname, lastname, email, passwd, secure_key, date_add,"
        " date_upd) VALUES (41, 1, 'Anonymous', 'Anonymous', %s, 'hash', 'key', NOW(), NOW())", email
    )  # fmt: skip
    sample.query("INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES"
                 " ('PSGDPR_ANONYMOUS_CUSTOMER', '41', NOW(), NOW())")  # fmt: skip
    sample.query("UPDATE ps_address SET id_customer = 41 WHERE id_address = 1")


def test_the_customer_whom_psgdpr_gives_orders_of_the_forgotten_stays_without_a_password(own_sample):
    anonymous(own_sample)
    with own_sample.source() as source:
        template = PrestaShop().inspect(own_sample.root, source, PackOptions())
        table = source.tables["ps_customer"]
        names = [column.name for column in table.stored]
        plan = TemplatePlan(template, "prestashop")
        (row,) = [
            dict(zip(names, plan.row(table, row), strict=True))
            for row in source.rows(table, template.condition("ps_customer"))
        ]
    assert (row["id_customer"], row["email"]) == (b"41", b"anonymous@psgdpr.com")
    assert (row["passwd"], row["secure_key"]) == (b"", b"-1")
    assert 1 in kept(own_sample, "ps_address", template)


def test_a_number_that_became_a_real_customers_does_not_keep_that_customer(own_sample):
    anonymous(own_sample, "ann@elsewhere.example")
    template = inspect(own_sample)
    assert template.condition("ps_customer") is None
    assert template.goes_on("ps_customer")


def test_a_table_goes_on_counting_where_a_setting_or_a_row_still_names_one_of_its_rows(own_sample):
    fill(own_sample, "CREATE TABLE ps_till (id_till int PRIMARY KEY, default_id_customer int);\n"
                     "INSERT INTO ps_till VALUES (1, 7);\n"
                     "INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES"
                     " ('SYNC_STATE', 'a:1:{s:8:\"id_order\";i:12;}', NOW(), NOW());\n")  # fmt: skip
    template = inspect(own_sample)
    assert template.goes_on("ps_customer")
    assert template.goes_on("ps_orders")
    assert not template.goes_on("ps_cart")


def test_otherwise_a_new_shop_begins_with_order_number_one(own_sample):
    template = inspect(own_sample)
    assert not any(template.goes_on(f"ps_{table}") for table in ("orders", "customer", "cart", "guest", "connections"))


@pytest.mark.parametrize(
    "name", ["DASHACTIVITY_VISITOR_ONLINE", "THEME_CART_PADDING", "PAY_ORDER_STATE", "PS_MIN_ORDER"]
)
def test_a_setting_that_only_sounds_like_a_customer_or_order_names_none(own_sample, name):
    own_sample.query("INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES (%s, '30', 0, 0)", name)
    assert inspect(own_sample)._rows.remembered == {}


def test_addresses_of_strangers_in_a_table_that_stays_are_named_and_those_of_the_shop_are_not(own_sample):
    fill(own_sample, "CREATE TABLE ps_team (id_team int PRIMARY KEY, contact varchar(99), note text);\n"
                     "INSERT INTO ps_team VALUES (1, 'ann@elsewhere.example', ''), (2, 'x@template.shop.example', ''),"
                     " (3, 'no address', 'a@b.example');\n")  # fmt: skip
    with own_sample.source() as source:
        reported = PrestaShop().inspect(own_sample.root, source, PackOptions()).personal_data()
    assert "ps_team.contact: 1 e-mail addresses of others" in reported


def test_the_texts_of_customers_vouchers_go_with_the_vouchers(own_sample):
    fill(
        own_sample,
        "CREATE TABLE IF NOT EXISTS ps_cart_rule (id_cart_rule int PRIMARY KEY, id_customer int);\n"
        "CREATE TABLE IF NOT EXISTS ps_cart_rule_lang (id_cart_rule int, id_lang int, name varchar(99));\n"
        "INSERT INTO ps_cart_rule (id_cart_rule, id_customer) VALUES (901, 2), (902, 0);\n"
        "INSERT INTO ps_cart_rule_lang (id_cart_rule, id_lang, name) VALUES (901, 1, 'Ann'), (902, 1, 'All');\n",
    )
    template = inspect(own_sample)
    assert 902 in kept(own_sample, "ps_cart_rule_lang", template)
    assert 901 not in kept(own_sample, "ps_cart_rule_lang", template)
