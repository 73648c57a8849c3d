"""Statements of the recipe, run on a real server as the agent runs them."""

from types import SimpleNamespace

import pytest

from controller.recipes.base import PackOptions
from controller.recipes.prestashop.database import installation
from controller.recipes.prestashop.recipe import PrestaShop
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from shared.schema import load_schema

VALUES = {
    "domain": "new.shop.test", "domain_ssl": "new.shop.test:8443",
    "shop.name": "Ann's \"Shop\" %s فروشگاه", "shop.email": "ann@new.test",
    "shop.language": "fa", "shop.country": "IR", "shop.time_zone": "", "shop.currency": "",
    "admin.password_hash": "$2b$10$new",
}  # fmt: skip


def inspected(shop):
    with shop.source() as source:
        return PrestaShop().inspect(shop.root, source, PackOptions())


def run(shop, template, statements, values=VALUES):
    """Run statements with their checks; return the affected rows."""
    renderer = Renderer(template.nonce, values)
    connection = shop.server.root_connection(shop.database)
    affected = []
    with connection.cursor() as cursor:
        for statement in statements:
            params = [renderer.render(part.encode()).decode() for part in statement["params"]]
            affected.append(cursor.execute(statement["sql"], params))
            assert statement.get("min_rows", 0) <= affected[-1] <= statement.get("max_rows", affected[-1])
            if "check" in statement:
                check = statement["check"]
                cursor.execute(check["sql"], [renderer.render(part.encode()).decode() for part in check["params"]])
                expected = [renderer.render(part.encode()).decode() for part in check["expect"]]
                assert [str(cell) for cell in cursor.fetchone()] == expected
    connection.close()
    return affected


def setting(shop, name):
    rows = shop.query("SELECT value FROM ps_configuration WHERE name = %s", name)
    return [row[0] for row in rows]


def test_language_and_country_are_chosen_among_the_templates(own_sample):
    template = inspected(own_sample)
    run(own_sample, template, template.configure())
    assert setting(own_sample, "PS_LANG_DEFAULT") == ["2"]
    assert setting(own_sample, "PS_COUNTRY_DEFAULT") == ["5"]
    assert own_sample.query("SELECT id_lang FROM ps_employee WHERE id_employee = 1") == ((2,),)


def add_settings(shop, **values):
    for name, value in values.items():
        shop.query("DELETE FROM ps_configuration WHERE name = %s", name)
        shop.query("INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES (%s, %s, 0, 0)", name, value)


def test_language_country_and_time_zone_are_set_wherever_prestashop_reads_them(own_sample):
    add_settings(
        own_sample, PS_LOCALE_LANGUAGE="en", PS_LOCALE_COUNTRY="de", PS_SHOP_COUNTRY_ID="1", PS_TIMEZONE="Europe/Berlin"
    )
    template = inspected(own_sample)
    run(own_sample, template, template.configure(), {**VALUES, "shop.time_zone": "Asia/Tehran"})
    assert setting(own_sample, "PS_LOCALE_LANGUAGE") == ["fa"]
    assert setting(own_sample, "PS_LOCALE_COUNTRY") == ["ir"]
    assert setting(own_sample, "PS_SHOP_COUNTRY_ID") == setting(own_sample, "PS_COUNTRY_DEFAULT") == ["5"]
    assert setting(own_sample, "PS_TIMEZONE") == ["Asia/Tehran"]


def test_a_template_whose_tables_sort_differently_is_filled_all_the_same(own_sample):
    """PrestaShop names a collation for some of its tables; the others have their server's own."""
    add_settings(own_sample, PS_LOCALE_LANGUAGE="en", PS_LOCALE_COUNTRY="de", PS_SHOP_COUNTRY_ID="1")
    collations = ("utf8mb4_unicode_ci", "utf8mb4_general_ci", "utf8mb3_general_ci")
    for table, collation in zip(("configuration", "lang", "country"), collations, strict=True):
        charset = collation.split("_")[0]
        own_sample.query(f"ALTER TABLE ps_{table} CONVERT TO CHARACTER SET {charset} COLLATE {collation}")
    template = inspected(own_sample)
    run(own_sample, template, template.configure())
    assert setting(own_sample, "PS_LOCALE_LANGUAGE") == ["fa"]
    assert setting(own_sample, "PS_LOCALE_COUNTRY") == ["ir"]
    assert setting(own_sample, "PS_COUNTRY_DEFAULT") == ["5"]


def test_an_order_without_time_zone_and_currency_keeps_the_templates(own_sample):
    add_settings(own_sample, PS_TIMEZONE="Europe/Berlin", PS_SHOP_COUNTRY_ID="", PS_CURRENCY_DEFAULT="1")
    rates = own_sample.query("SELECT id_currency, conversion_rate FROM ps_currency")
    template = inspected(own_sample)
    run(own_sample, template, template.configure())
    assert setting(own_sample, "PS_TIMEZONE") == ["Europe/Berlin"]
    assert setting(own_sample, "PS_SHOP_COUNTRY_ID") == [""]
    assert setting(own_sample, "PS_CURRENCY_DEFAULT") == ["1"]
    assert own_sample.query("SELECT id_currency, conversion_rate FROM ps_currency") == rates


def test_another_default_currency_is_the_one_the_rates_are_given_in(own_sample):
    add_settings(own_sample, PS_CURRENCY_DEFAULT="1")
    template = inspected(own_sample)
    # Twice: what is carried out again changes nothing more
    for _ in range(2):
        run(own_sample, template, template.configure(), {**VALUES, "shop.currency": "USD"})
    assert setting(own_sample, "PS_CURRENCY_DEFAULT") == ["2"]
    for table in ("ps_currency", "ps_currency_shop"):
        rates = dict(own_sample.query(f"SELECT id_currency, conversion_rate FROM {table}"))
        assert [round(float(rates[number]), 3) for number in (1, 2, 3)] == [0.926, 1.0, 41666.667]


def test_a_currency_the_template_does_not_have_fails_instead_of_becoming_another(own_sample):
    add_settings(own_sample, PS_CURRENCY_DEFAULT="1")
    template = inspected(own_sample)
    with pytest.raises(AssertionError):
        run(own_sample, template, template.configure(), {**VALUES, "shop.currency": "JPY"})


@pytest.mark.parametrize("digits", ["²", "4" * 5000], ids=["no number", "a number that Python does not read"])
def test_a_setting_of_digits_that_are_no_number_names_nobody(own_sample, digits):
    add_settings(own_sample, PSGDPR_ANONYMOUS_CUSTOMER=digits)
    assert inspected(own_sample).configure()
    template = SimpleNamespace(settings=lambda: {"PS_LANG_DEFAULT": digits}, columns=lambda _table: {"locale"})
    assert installation._locale(template) == installation._LOCALE


@pytest.mark.parametrize(
    "undone",
    [
        "UPDATE ps_configuration SET value = 1 WHERE name = 'PS_LANG_DEFAULT'",
        "UPDATE ps_configuration SET value = NULL WHERE name = 'PS_LANG_DEFAULT'",
        "UPDATE ps_configuration SET value = 1 WHERE name = 'PS_COUNTRY_DEFAULT'",
        "UPDATE ps_employee SET id_lang = 1",
    ],
)
def test_a_language_or_country_that_is_another_afterwards_does_not_read_back(own_sample, undone):
    template = inspected(own_sample)
    run(own_sample, template, template.configure())
    checks = [one["check"] for one in template.configure()]
    run(own_sample, template, [{"sql": "DO %s", "params": ["1"], "check": check} for check in checks])
    own_sample.query(undone)
    with pytest.raises(AssertionError):
        run(own_sample, template, [{"sql": "DO %s", "params": ["1"], "check": check} for check in checks])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PS_SSL_ENABLED", "1"), ("ps_ssl_enabled", "1"), ("PS_SHOP_ENABLE", "0"), ("PS_SHOP_ENABLE", ""),
        ("PS_MAIL_PASSWD", "x"), ("PS_MAIL_METHOD", "2"), ("SAMPLEPAY_API_KEY", "sk_live_12345"),
        ("a_new_token", "0123456789abcdef"), ("NW_SALT", "0123456789abcdef"), ("PS_SHOP_NAME", "Mine"),
    ],
)  # fmt: skip
def test_a_setting_every_new_shop_has_another_value_of_is_not_to_be_set(sample, name, value):
    with pytest.raises(ShoplaunchError, match="variant_invalid"):
        inspected(sample).setting(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PS_SSL_ENABLED", "0"), ("PS_SHOP_ENABLE", "1"), ("PS_TOKEN_ENABLE", "0"), ("SAMPLEPAY_API_KEY", "")],
)
def test_the_value_every_new_shop_has_anyway_may_be_set(sample, name, value):
    assert inspected(sample).setting(name, value)


def test_a_language_or_country_the_template_lacks_changes_nothing(own_sample):
    template = inspected(own_sample)
    before = own_sample.query("SELECT name, value FROM ps_configuration ORDER BY 1")
    run(own_sample, template, template.configure(), {**VALUES, "shop.language": "xx", "shop.country": "ZZ"})
    assert own_sample.query("SELECT name, value FROM ps_configuration ORDER BY 1") == before


def test_trial_values_choose_different_rows(sample):
    probes = inspected(sample).probes()
    assert probes == {"shop.language": ("en", "fa"), "shop.country": ("DE", "FR"), "shop.currency": ("EUR", "USD")}


def test_missing_settings_are_added_with_user_text_bound(own_sample):
    own_sample.query("DELETE FROM ps_configuration WHERE name IN ('PS_SHOP_NAME', 'PS_SSL_ENABLED')")
    template = inspected(own_sample)
    for _ in range(2):
        run(own_sample, template, template.configure())
    assert setting(own_sample, "PS_SHOP_NAME") == [VALUES["shop.name"]]
    assert setting(own_sample, "PS_SSL_ENABLED") == ["0"]


@pytest.mark.parametrize("missing", ["", "PS_SSL_ENABLED", "PS_SSL_ENABLED_EVERYWHERE"])
def test_https_is_switched_on_and_read_back(own_sample, missing):
    own_sample.query("DELETE FROM ps_configuration WHERE name = %s", missing)
    template = inspected(own_sample)
    for _ in range(2):
        run(own_sample, template, template.jobs()["https_on"]["statements"])
    assert setting(own_sample, "PS_SSL_ENABLED") == ["1"]
    assert setting(own_sample, "PS_SSL_ENABLED_EVERYWHERE") == ["1"]
    assert setting(own_sample, "PS_SHOP_DOMAIN_SSL") == ["new.shop.test:8443"]
    assert own_sample.query("SELECT domain_ssl FROM ps_shop_url WHERE main = 1") == (("new.shop.test:8443",),)
    for _ in range(2):
        run(own_sample, template, template.jobs()["https_on"]["back"])
    assert setting(own_sample, "PS_SSL_ENABLED") == setting(own_sample, "PS_SSL_ENABLED_EVERYWHERE") == ["0"]


def test_a_new_password_ends_the_administrators_sessions(own_sample):
    template = inspected(own_sample)
    own_sample.query("UPDATE ps_employee SET email = 'changed@since.example' WHERE id_employee = 1")
    run(own_sample, template, template.jobs()["set_admin_password"]["statements"])
    assert own_sample.query("SELECT passwd FROM ps_employee WHERE id_employee = 1") == (("$2b$10$new",),)
    assert own_sample.query("SELECT COUNT(*) FROM ps_employee_session WHERE id_employee = 1") == ((0,),)
    assert own_sample.query("SELECT COUNT(*) FROM ps_employee_session WHERE id_employee = 2") == ((1,),)


def test_removing_closes_the_shop_and_keeps_its_data(own_sample):
    template = inspected(own_sample)
    run(own_sample, template, template.jobs()["remove"]["statements"])
    assert setting(own_sample, "PS_SHOP_ENABLE") == ["0"]
    assert own_sample.query("SELECT COUNT(*) > 0 FROM ps_product") == ((1,),)
    run(own_sample, template, template.jobs()["remove"]["back"])
    assert setting(own_sample, "PS_SHOP_ENABLE") == ["1"]


def test_checks_visit_a_product_that_has_a_picture(sample):
    checks = {one["name"]: one for one in inspected(sample).checks()}
    assert set(checks) >= {"front", "product", "product_image", "cart", "back_office_login", "missing"}
    assert checks["missing"]["status"] == [404]
    assert (sample.root / checks["product_image"]["path"].lstrip("/")).is_file()
    allowed = set(load_schema("manifest")["properties"]["checks"]["items"]["properties"])
    assert all(set(check) <= allowed for check in checks.values())


def test_a_setting_that_is_there_gets_its_value_in_every_row_of_it(own_sample):
    template = inspected(own_sample)
    # A row of one shop would win over that of all
    own_sample.query(
        "INSERT INTO ps_configuration (id_shop_group, id_shop, name, value, date_add, date_upd)"
        " VALUES (1, 1, 'PS_TIMEZONE', 'Europe/Berlin', NOW(), NOW())"
    )
    statements = [one for _table, one in template.setting("PS_TIMEZONE", "Asia/Tehran")]
    run(own_sample, template, statements)
    assert setting(own_sample, "PS_TIMEZONE") == ["Asia/Tehran", "Asia/Tehran"]


def test_a_setting_that_is_not_there_is_added_for_all_shops_once(own_sample):
    template = inspected(own_sample)
    statements = template.setting("SAMPLE_LOOK", "100% \"night\" 'x' شب")
    assert {table for table, _one in statements} == {"ps_configuration"}
    for _ in range(2):
        run(own_sample, template, [one for _table, one in statements])
    found = own_sample.query("SELECT id_shop_group, id_shop, value FROM ps_configuration WHERE name = 'SAMPLE_LOOK'")
    assert found == ((None, None, "100% \"night\" 'x' شب"),)


def test_a_setting_with_a_text_per_language_gets_it_in_every_language(own_sample):
    number = own_sample.query("SELECT id_configuration FROM ps_configuration WHERE name = 'PS_INVOICE_PREFIX'")[0][0]
    has_table = own_sample.query("SHOW TABLES LIKE 'ps\\_configuration\\_lang'")
    if not has_table:
        own_sample.query(
            "CREATE TABLE ps_configuration_lang (id_configuration INT NOT NULL, id_lang INT NOT NULL, value TEXT,"
            " date_upd DATETIME NULL, PRIMARY KEY (id_configuration, id_lang))"
        )
    for language in (1, 2):
        own_sample.query("REPLACE INTO ps_configuration_lang VALUES (%s, %s, '#IN', NULL)", number, language)
    template = inspected(own_sample)
    statements = template.setting("PS_INVOICE_PREFIX", "MN")
    run(own_sample, template, [one for _table, one in statements])
    texts = own_sample.query("SELECT value FROM ps_configuration_lang WHERE id_configuration = %s", number)
    assert texts == (("MN",), ("MN",))
    assert [table for table, _one in statements] == ["ps_configuration", "ps_configuration_lang"]


def test_british_english_is_found_by_en_and_a_languages_own_code_comes_first(own_sample):
    own_sample.query("UPDATE ps_lang SET iso_code = 'gb', language_code = 'en-gb' WHERE id_lang = 1")
    template = inspected(own_sample)
    assert list(template.languages()) == ["gb", "en", "fa"]
    run(own_sample, template, template.configure(), {**VALUES, "shop.language": "en"})
    assert setting(own_sample, "PS_LANG_DEFAULT") == ["1"]
    own_sample.query("UPDATE ps_lang SET iso_code = 'en', language_code = 'en-us' WHERE id_lang = 2")
    template = inspected(own_sample)
    run(own_sample, template, template.configure(), {**VALUES, "shop.language": "en"})
    assert setting(own_sample, "PS_LANG_DEFAULT") == ["2"]


def test_the_shops_own_language_is_named_first_and_inactive_ones_not_at_all(own_sample):
    own_sample.query("UPDATE ps_configuration SET value = 2 WHERE name = 'PS_LANG_DEFAULT'")
    assert list(inspected(own_sample).languages()) == ["fa", "en"]
    own_sample.query("UPDATE ps_lang SET active = 0 WHERE id_lang = 1")
    assert list(inspected(own_sample).languages()) == ["fa"]
    assert set(inspected(own_sample).currencies()) >= {"EUR", "USD"}
