"""Statements of the recipe, run on a real server as the agent runs them."""

import pytest

from controller.recipes.base import PackOptions
from controller.recipes.prestashop import PrestaShop
from shared.placeholders import Renderer
from shared.schema import load_schema

VALUES = {
    "domain": "new.shop.test", "domain_ssl": "new.shop.test:8443",
    "shop.name": "Ann's \"Shop\" %s فروشگاه", "shop.email": "ann@new.test",
    "shop.language": "fa", "shop.country": "IR", "admin.password_hash": "$2b$10$new",
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


def test_a_language_or_country_the_template_lacks_changes_nothing(own_sample):
    template = inspected(own_sample)
    before = own_sample.query("SELECT name, value FROM ps_configuration ORDER BY 1")
    run(own_sample, template, template.configure(), {**VALUES, "shop.language": "xx", "shop.country": "ZZ"})
    assert own_sample.query("SELECT name, value FROM ps_configuration ORDER BY 1") == before


def test_trial_values_choose_different_rows(sample):
    probes = inspected(sample).probes()
    assert probes == {"shop.language": ("en", "fa"), "shop.country": ("DE", "FR")}


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
