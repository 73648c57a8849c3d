"""The name of the option that chooses the variant: a service with options and none of that name is reported."""

import pytest

from tests.integration.addon.test_admin_page import admin_page

NOTE = "none of its configurable options is called"
SHOWN = "None of its configurable options is called “Theme” (setting Variant option)"


def with_option(whmcs, name, value):
    """Return (order, service): a client chose `value` of the configurable option `name`."""
    order, service = whmcs.order()
    option = whmcs.insert("tblproductconfigoptions", gid=1, optionname=name, optiontype="1")
    choice = whmcs.insert("tblproductconfigoptionssub", configid=option, optionname=value)
    whmcs.insert("tblhostingconfigoptions", relid=service, configid=option, optionid=choice)
    return order, service


def logged(whmcs):
    return [line for line in map(str, whmcs.log()) if NOTE in line]


@pytest.mark.parametrize("name", ["Thema", "theme", "Themes|Theme"])
def test_a_service_whose_options_are_called_otherwise_is_reported_and_built_as_the_template(watched, controller, name):
    watched.setting("variant_option", "Theme")
    _order, service = with_option(watched, name, "Tea house")
    watched.create(service)
    assert controller.requests[0][3]["variant"] is None
    (line,) = logged(watched)
    assert f"service {service}: " in line and "Theme" in line
    page = admin_page(watched).text
    assert SHOWN in page
    assert "گزینه‌های قابل انتخاب این سرویس «Theme»" in admin_page(watched, language="farsi").text


@pytest.mark.parametrize(
    ("setting", "name"), [("Theme", "Theme|What it looks like"), ("Look & feel", "Look &amp; feel")]
)
def test_a_choice_under_the_name_that_is_set_is_taken_and_nothing_is_reported(watched, controller, setting, name):
    watched.setting("variant_option", setting)
    _order, service = with_option(watched, name, "Tea house")
    watched.create(service)
    assert controller.requests[0][3]["variant"] == "Tea house"
    assert logged(watched) == []
    assert "None of its configurable options" not in admin_page(watched).text


@pytest.mark.parametrize("setting", ["Theme", ""])
def test_a_product_without_options_gets_the_template_and_nothing_is_reported(watched, controller, setting):
    watched.setting("variant_option", setting)
    _order, service = watched.order()
    watched.create(service)
    assert controller.requests[0][3]["variant"] is None
    assert logged(watched) == []
    assert "None of its configurable options" not in admin_page(watched).text


def test_a_shop_that_has_a_variant_is_not_complained_of_when_the_option_is_called_otherwise_later(watched, controller):
    watched.setting("variant_option", "Look")
    _order, service = with_option(watched, "Look", "Tea house")
    controller.answer(202, {"state": "received", "percent": 0, "variant": "tea"})
    watched.create(service)
    watched.setting("variant_option", "Theme")
    assert SHOWN not in admin_page(watched).text
