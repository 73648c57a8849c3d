"""Which rows of a PrestaShop are packed, and which cells become values of the job."""

import pytest

from controller.bundles.template_plan import TemplatePlan
from controller.jobs.shop.values import located
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.database.settings import secrets_in, template_of
from controller.recipes.prestashop.recipe import PrestaShop
from controller.shop_address import ShopAddress
from shared.placeholders import Renderer, token

VALUES = {
    **located(ShopAddress.on_usual_port("new.shop.test", "tea")), "root": "/home/a/public_html", "home": "/home/a",
    "shop.name": "Ann's \"Shop\" فروشگاه", "shop.email": "ann@new.test", "admin.email": "ann.admin@new.test",
    "admin.password_hash": "$2b$10$x", "admin.first_name": "Ann", "admin.last_name": "O'Neil", "shop.language": "fa",
    "shop.country": "IR", "shop.time_zone": "", "shop.currency": "",
    "secret.nw_salt": "N" * 16, "secret.mbo_uuid": "u1", "secret.checkout_uuid": "u2",
}  # fmt: skip


@pytest.fixture(scope="module")
def plan(sample):
    with sample.source() as source:
        yield TemplatePlan(PrestaShop().inspect(sample.root, source, PackOptions()), "prestashop")


@pytest.fixture(scope="module")
def moved(plan, sample):
    """A function: table -> its rows (dicts of bytes) in the new shop."""
    with sample.source() as source:

        def rows(table):
            condition = plan.condition(table)
            if condition is None:
                return []
            known = source.tables[table]
            names = [column.name for column in known.stored]
            found = [plan.row(known, row) for row in source.rows(known, condition)]
            renderer = Renderer(plan.nonce, VALUES, plan.fragments())
            return [
                {name: None if cell is None else renderer.render(cell) for name, cell in zip(names, row, strict=True)}
                for row in found
            ]

        yield rows


def settings(moved):
    return {row["name"].decode(): (row["value"] or b"").decode() for row in moved("ps_configuration")}


def test_exactly_one_employee_is_kept_as_the_new_administrator(moved):
    (employee,) = moved("ps_employee")
    assert employee["email"] == b"ann.admin@new.test"
    assert employee["passwd"] == b"$2b$10$x"
    assert (employee["firstname"], employee["lastname"]) == (b"Ann", b"O'Neil")
    assert employee["reset_password_token"] is None
    assert len(moved("ps_employee_shop")) == 1


@pytest.mark.parametrize(
    "table",
    ["customer", "address", "cart", "cart_product", "orders", "order_detail", "guest", "emailsubscription",
     "connections", "log", "mail", "pagenotfound", "smarty_cache", "employee_session", "customer_session",
     "webservice_account", "webservice_permission", "api_access", "authorized_application"],
)  # fmt: skip
def test_customers_traces_and_access_of_others_are_left_out(moved, sample, table):
    assert sample.query(f"SELECT COUNT(*) FROM ps_{table}")[0][0] > 0
    assert moved(f"ps_{table}") == []


@pytest.mark.parametrize(
    "table", ["order_state", "order_state_lang", "product", "image", "cms_lang", "lang", "country"]
)
def test_what_a_shop_sells_and_says_is_kept(moved, sample, table):
    assert len(moved(f"ps_{table}")) == sample.query(f"SELECT COUNT(*) FROM ps_{table}")[0][0]


def test_what_is_dropped_is_reported(plan, sample):
    with sample.source():
        dropped = {one["table"]: one["rows"] for one in plan.report()["dropped"]}
    assert dropped["ps_employee"] == 1
    assert dropped["ps_customer"] == 2
    assert dropped["ps_orders"] == 3


def test_settings_are_the_new_shops(moved):
    found = settings(moved)
    assert found["PS_SHOP_DOMAIN"] == found["PS_SHOP_DOMAIN_SSL"] == "new.shop.test"
    assert found["PS_SHOP_NAME"] == VALUES["shop.name"]
    assert found["PS_SHOP_EMAIL"] == "ann@new.test"
    assert found["PS_SSL_ENABLED"] == "0"
    assert found["PS_WEBSERVICE"] == "0"
    assert found["NW_SALT"] == "N" * 16
    assert found["PS_TOKEN_ENABLE"] == "1"
    # SMTP without its password would send nothing
    assert found["PS_MAIL_METHOD"] == "1"


@pytest.mark.parametrize(
    "name",
    ["PS_MAIL_PASSWD", "PS_MAIL_USER", "PS_MAIL_DKIM_KEY", "PS_ACCOUNTS_TOKEN_SIGNATURE", "PS_ACCOUNTS_ACCESS_TOKEN",
     "PS_ACCOUNTS_OAUTH2_CLIENT_SECRET", "PS_CHECKOUT_WEBHOOK_SECRET", "PS_SHIPPING_WEBHOOK_SECRET",
     "SAMPLEPAY_API_KEY"],
)  # fmt: skip
def test_keys_and_accounts_of_the_template_are_emptied(moved, name):
    assert settings(moved)[name] == ""


def test_settings_that_only_sound_secret_are_kept(moved, sample):
    found = settings(moved)
    for name, value in sample.query("SELECT name, value FROM ps_configuration WHERE name LIKE 'PS_TOKEN%'"):
        assert found[name] == value


def test_identities_are_made_anew(moved):
    found = settings(moved)
    assert found["PS_MBO_SHOP_ADMIN_UUID"] == "u1"
    assert found["PS_CHECKOUT_SHOP_UUID_V4"] == "u2"


def test_no_text_of_any_kept_row_names_the_template(moved, sample):
    with sample.source() as source:
        tables = list(source.tables)
    traces = [b"template.shop.example", str(sample.root).encode(), b"boss@template.example"]
    for table in tables:
        for row in moved(table):
            for column, cell in row.items():
                assert not any(trace in (cell or b"") for trace in traces), f"{table}.{column}: {cell[:200]}"


def test_serialized_and_json_values_of_the_sample_are_among_the_rewritten(moved, plan, sample):
    with sample.source() as source:
        for table in source.tables:
            moved(table)
    forms = set(plan.report()["rewriting"]["forms"])
    assert {"plain", "serialized"} <= forms
    assert any("json" in form for form in forms)


def test_customers_stay_when_they_are_asked_for(sample):
    with sample.source() as source:
        template = PrestaShop().inspect(sample.root, source, PackOptions(keep_customers=True))
        assert template.condition("ps_customer") == ""
        assert template.condition("ps_orders") == ""
        assert template.condition("ps_customer_session") is None
        assert template.condition("ps_employee") == "`id_employee` = 1"
        assert "ps_customer: customers" in template.personal_data()


def test_addresses_of_others_than_customers_stay(own_sample):
    own_sample.query("UPDATE ps_address SET id_customer = 0 WHERE id_address = 1")
    with own_sample.source() as source:
        template = PrestaShop().inspect(own_sample.root, source, PackOptions())
    assert template.condition("ps_address") == "`id_customer` = 0"


def test_cells_are_set_by_placeholders_not_by_words(plan):
    own = plan._template.cells("ps_shop_url", {"domain": b"x"})
    assert own["domain"] == token(plan.nonce, "domain")
    assert own["physical_uri"] == token(plan.nonce, "base_uri")


@pytest.mark.parametrize("value", [b"8.0.13", b"1764093600", b"3"])
def test_a_number_or_version_is_no_secret_whatever_its_name(value):
    assert template_of("PS_ACCOUNTS_LAST_UPGRADE", value, "1a2b3c4d") == value
    assert secrets_in("PS_ACCOUNTS_LAST_UPGRADE", value) == []


def test_the_cipher_of_1_6_needs_no_mcrypt():
    assert template_of("PS_CIPHER_ALGORITHM", b"1", "1a2b3c4d") == b"0"


ADDRESS = "https://www.vendor.example/my-account/view-licenses/"
KEY = "9f3c7a1be04d5862a7c91d3e5f608b24"


def test_settings_are_judged_by_what_they_are_in_every_language_and_shop(own_sample):
    rows = [("ACF_VIEW_LICENSES_URL", ADDRESS, None), ("PAYING_API_KEY", KEY, None), ("PAYING_API_KEY", KEY[::-1], 1),
            ("PAYING_CONFIG", '{"api_secret":"' + KEY[2:] + '","title":"Cards"}', None),
            ("PAYING_LEGAL", None, None)]  # fmt: skip
    for name, value, shop in rows:
        own_sample.query(
            "INSERT INTO ps_configuration (name, value, id_shop, date_add, date_upd) VALUES (%s, %s, %s, NOW(), NOW())",
            name, value, shop,
        )  # fmt: skip
    own_sample.query(
        "INSERT INTO ps_configuration_lang (id_configuration, id_lang, value) SELECT id_configuration, 1, %s"
        " FROM ps_configuration WHERE name = 'PAYING_LEGAL'", "sk_live_51H8abcDEF234ghiJKL567",
    )  # fmt: skip
    with own_sample.source() as source:
        plan = TemplatePlan(PrestaShop().inspect(own_sample.root, source, PackOptions()), "prestashop")
        table, texts = source.tables["ps_configuration"], source.tables["ps_configuration_lang"]
        found = [
            (row[3], row[4]) for row in (plan.row(table, row) for row in source.rows(table)) if row[3][:3] != b"PS_"
        ]
        spoken = [plan.row(texts, row)[2] for row in source.rows(texts)]
        facts = plan._template.facts
    assert (b"ACF_VIEW_LICENSES_URL", ADDRESS.encode()) in found
    assert [value for name, value in found if name == b"PAYING_API_KEY"] == [b"", b""]
    assert (b"PAYING_CONFIG", b'{"api_secret":"","title":"Cards"}') in found
    assert b"sk_live_51H8abcDEF234ghiJKL567" not in spoken
    assert {KEY.encode(), KEY[::-1].encode(), KEY[2:].encode(), b"sk_live_51H8abcDEF234ghiJKL567"} <= set(
        facts.secrets.values()
    )
    assert {"PAYING_API_KEY", "PAYING_API_KEY (2)"} <= facts.suspected
    assert not {"cookie_key", "database_password", "PAYING_LEGAL"} & facts.suspected
    assert ADDRESS.encode() not in facts.secrets.values()
