"""The folder of the domain a shop goes into: by a custom field or an option of the product, corrected like the rest."""

import json

import pytest
from sqlalchemy import select

from controller.db.connection.engine import reading
from controller.db.tables import jobs
from tests.integration.addon.test_admin_page import admin_page
from tests.integration.addon.test_corrections import create_again, press
from tests.integration.addon.test_variant_option import with_option


def with_field(whmcs, value, name="Shop folder"):
    """Return (order, service): a client entered `value` into the product's custom field `name`."""
    order, service = whmcs.order()
    field = whmcs.insert("tblcustomfields", type="product", relid=3, fieldname=name)
    whmcs.insert("tblcustomfieldsvalues", fieldid=field, relid=service, value=value)
    return order, service


@pytest.mark.parametrize("name", ["Shop folder", "Shop folder|Where on your domain?"])
def test_what_the_client_enters_into_the_field_goes_out_with_the_order(watched, controller, name):
    _order, service = with_field(watched, " /shop/ ", name)
    watched.create(service)
    assert controller.requests[0][3]["folder"] == "/shop/"


def test_a_configurable_option_may_offer_folders_and_counts_before_the_field(watched, controller):
    _order, service = with_option(watched, "Shop folder", "boutique")
    field = watched.insert("tblcustomfields", type="product", relid=3, fieldname="Shop folder")
    watched.insert("tblcustomfieldsvalues", fieldid=field, relid=service, value="other")
    watched.create(service)
    assert controller.requests[0][3]["folder"] == "boutique"


@pytest.mark.parametrize(
    ("setting", "name", "folder"),
    [
        ("پوشه", "پوشه", "shop"),
        ("پوشه", "Shop folder", ""),
        ("", "Shop folder", ""),
        ("Shop folder", "shop Folder", ""),
    ],
)
def test_the_field_is_called_as_the_setting_says(watched, controller, setting, name, folder):
    watched.setting("folder_option", setting)
    _order, service = with_field(watched, "shop", name)
    watched.create(service)
    assert controller.requests[0][3].get("folder", "") == folder


def test_a_folder_that_is_none_is_refused_reported_and_taken_once_it_is_corrected(whmcs, site):
    _order, service = with_field(whmcs, "../shop")
    whmcs.create(service)
    [refused] = whmcs.queue()
    assert (refused["state"], json.loads(refused["error"])["code"]) == ("refused", "folder_invalid")
    assert "folder_invalid" in admin_page(whmcs).text
    whmcs.query("UPDATE tblcustomfieldsvalues SET value = 'tea/shop'")
    press(whmcs, "send")
    with reading(site.service.installation.engine) as connection:
        [job] = connection.execute(select(jobs).where(jobs.c.service_id == str(service))).all()
    assert job.folder == "tea/shop"
    assert f"{job.domain}/tea/shop" in admin_page(whmcs).text


@pytest.mark.parametrize("gone", ["DROP TABLE tblcustomfields", "DROP TABLE tblcustomfieldsvalues"])
def test_an_order_sent_again_keeps_its_folder_where_the_tables_lack_it(watched, controller, gone):
    _order, service = with_field(watched, "shop")
    controller.refuse(422, "bundle_unknown")
    watched.create(service)
    watched.query(gone)
    controller.answer(202, {"state": "received", "percent": 0, "id": "a"})
    press(watched, "send")
    assert [body["folder"] for _id, method, _path, body in controller.requests if method == "POST"] == ["shop", "shop"]


def test_created_again_it_keeps_its_folder(watched, controller):
    _order, service = with_field(watched, "shop")
    controller.refuse(422, "bundle_unknown")
    watched.create(service)
    controller.answer(202, {"state": "received", "percent": 0, "id": "a"})
    create_again(watched, service)
    assert controller.requests[-1][3]["folder"] == "shop"
