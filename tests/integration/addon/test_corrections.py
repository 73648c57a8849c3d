"""What was wrong in WHMCS is corrected there, and the order goes out as it is now: one shop, however often."""

import json

import pytest
import sqlalchemy as sa

from controller.db.connection.engine import reading
from controller.db.tables import jobs
from tests.integration.addon.conftest import PRODUCTS
from tests.integration.addon.forms import form

PAGE = "/admin/addonmodules.php"
BAD_PRODUCTS = "3 = butique"


def admin_page(whmcs):
    return whmcs.page(PAGE, module="shoplaunch", admin=1)


def press(whmcs, do, page=None, **more):
    """Press a button of the administrator's page; return the page that is shown then."""
    fields = form(page or admin_page(whmcs), do, **more)
    return whmcs.page(PAGE + "?module=shoplaunch", admin=1, post=fields)


def send_again(whmcs, _service):
    press(whmcs, "send")


def retry(whmcs, service):
    press(whmcs, "retry", id=str(service))


def create_again(whmcs, service):
    whmcs.create(service)


def _products(whmcs, _service, good):
    whmcs.setting("products", PRODUCTS if good else BAD_PRODUCTS)


def _domain(whmcs, service, good):
    whmcs.query("UPDATE tblhosting SET domain = %s WHERE id = %s", f"shop-{service}.example" if good else "", service)


def _email(whmcs, service, good):
    address = "sara@client.example" if good else ""
    whmcs.query(
        "UPDATE tblclients SET email = %s WHERE id = (SELECT userid FROM tblhosting WHERE id = %s)", address, service
    )


def _server(whmcs, _service, good):
    whmcs.query("UPDATE tblservers SET hostname = %s", "web1.example.net" if good else "wbe1.example.net")


MISTAKES = {"bundle_unknown": _products, "domain_invalid": _domain, "order_invalid": _email, "server_unknown": _server}


@pytest.fixture
def jobs_of(site):
    """Return the rows of all jobs the controller has of a service."""

    def find(service):
        with reading(site.service.installation.engine) as connection:
            return connection.execute(sa.select(jobs).where(jobs.c.service_id == str(service))).all()

    return find


def choose(whmcs, service, *names):
    """The client has the first of `names`, which the configurable option `Theme` offers; return their ids."""
    option = whmcs.insert("tblproductconfigoptions", gid=1, optionname="Theme|Look", optiontype=1)
    offered = [whmcs.insert("tblproductconfigoptionssub", configid=option, optionname=name) for name in names]
    whmcs.insert("tblhostingconfigoptions", relid=service, configid=option, optionid=offered[0], qty=1)
    return offered


def looked_at(whmcs):
    """WHMCS's cron has asked the controller for every service."""
    whmcs.due_now()
    whmcs.cron()


@pytest.mark.sampled(of=3, each=("code",))
@pytest.mark.parametrize("again", [send_again, retry, create_again], ids=lambda way: way.__name__)
@pytest.mark.parametrize("code", MISTAKES)
def test_a_mistake_corrected_in_whmcs_is_gone_however_the_order_is_sent_again(whmcs, jobs_of, code, again):
    _order, service = whmcs.order()
    MISTAKES[code](whmcs, service, False)
    whmcs.create(service)
    [refused] = whmcs.queue()
    assert (refused["state"], json.loads(refused["error"])["code"]) == ("refused", code)
    looked_at(whmcs)
    MISTAKES[code](whmcs, service, True)
    again(whmcs, service)
    [job] = jobs_of(service)
    assert (job.bundle, job.server, job.state) == ("boutique", "web1", "received")
    assert job.domain == whmcs.rows("tblhosting", id=service)[0]["domain"]
    [sent] = whmcs.queue()
    assert sent["state"] == "taken" and sent["event_id"] != refused["event_id"]
    assert json.loads(whmcs.shop(service)["document"])["id"] == job.id
    create_again(whmcs, service)
    looked_at(whmcs)
    assert len(jobs_of(service)) == len(whmcs.queue()) == 1


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("again", [send_again, retry, create_again], ids=lambda way: way.__name__)
@pytest.mark.parametrize("waits", ["", "on"], ids=["created at once", "built on acceptance"])
def test_an_order_refused_at_its_acceptance_goes_out_corrected_as_well(whmcs, jobs_of, waits, again):
    whmcs.setting("wait_for_acceptance", waits)
    whmcs.setting("products", BAD_PRODUCTS)
    order, service = whmcs.order()
    whmcs.create(service)
    whmcs.accept(order)
    assert [row["kind"] for row in whmcs.queue() if row["state"] == "refused"][-1] == "accepted"
    looked_at(whmcs)
    whmcs.setting("products", PRODUCTS)
    again(whmcs, service)
    [job] = jobs_of(service)
    assert job.bundle == "boutique"
    assert [row for row in whmcs.queue() if row["state"] != "taken"] == []


@pytest.mark.parametrize("do", ["send", "retry"])
def test_what_is_still_wrong_is_refused_once_more_and_named(whmcs, jobs_of, do):
    whmcs.setting("products", BAD_PRODUCTS)
    _order, service = whmcs.order()
    whmcs.create(service)
    looked_at(whmcs)
    whmcs.setting("products", "3 = boutik")
    assert "did not retry: there is no bundle &#039;boutik&#039;" in press(whmcs, do).text
    [refused] = whmcs.queue()
    assert refused["state"] == "refused" and "boutik" in refused["error"]
    assert jobs_of(service) == []


def test_a_refusal_that_was_forgotten_long_ago_can_still_be_retried_corrected(whmcs, jobs_of):
    whmcs.setting("products", BAD_PRODUCTS)
    _order, service = whmcs.order()
    whmcs.create(service)
    whmcs.query("DELETE FROM mod_shoplaunch_queue")
    looked_at(whmcs)
    whmcs.setting("products", PRODUCTS)
    retry(whmcs, service)
    assert [job.bundle for job in jobs_of(service)] == ["boutique"]


def test_two_administrators_who_press_at_once_make_one_job(whmcs, jobs_of):
    whmcs.setting("products", BAD_PRODUCTS)
    _order, service = whmcs.order()
    whmcs.create(service)
    looked_at(whmcs)
    whmcs.setting("products", PRODUCTS)
    page = admin_page(whmcs)
    for do in ("send", "send", "retry"):
        press(whmcs, do, page)
    assert len(jobs_of(service)) == 1
    assert [row for row in whmcs.queue() if row["state"] != "taken"] == []


def test_the_order_sent_again_is_what_whmcs_would_have_sent(watched, controller):
    controller.refuse(422, "bundle_unknown")
    watched.setting("variant_option", "Theme")
    client = watched.client(firstname="O&#039;Brien", lastname="مرادی", language="farsi")
    _order, service = watched.order(client=client)
    _dark, light = choose(watched, service, "dark|Dark", "light|Light")
    watched.create(service)
    watched.query("UPDATE tblhostingconfigoptions SET optionid = %s", light)
    watched.query("UPDATE tblhosting SET username = 'renamed'")
    controller.answer(202, {"state": "received", "percent": 0, "id": "a"})
    press(watched, "send")
    first, second = [body for _id, method, _path, body in controller.requests if method == "POST"]
    assert first["variant"] == "dark" and second["at"] >= first.pop("at")
    assert second == {**first, "variant": "light", "account": "renamed", "at": second["at"]}


#: What nobody has written down about these tables, and what may be gone from them.
SURPRISES = {
    "no table of choices": "DROP TABLE tblhostingconfigoptions",
    "another key of the service": "ALTER TABLE tblhostingconfigoptions CHANGE relid serviceid INT",
    "another name for the value chosen": "ALTER TABLE tblhostingconfigoptions CHANGE optionid valueid INT",
    "no choice": "DELETE FROM tblhostingconfigoptions",
    "no table of options": "DROP TABLE tblproductconfigoptions",
    "no option": "DELETE FROM tblproductconfigoptions",
    "no table of values": "DROP TABLE tblproductconfigoptionssub",
    "another key of a value": "ALTER TABLE tblproductconfigoptionssub CHANGE id valueid INT AUTO_INCREMENT",
    "another name for a value's name": "ALTER TABLE tblproductconfigoptionssub CHANGE optionname label TEXT",
    "no value": "DELETE FROM tblproductconfigoptionssub",
}


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("surprise", SURPRISES)
def test_an_order_sent_again_keeps_its_variant_where_the_tables_lack_it(watched, controller, surprise):
    watched.setting("variant_option", "Theme")
    _order, service = watched.order()
    choose(watched, service, "dark|Dark")
    controller.refuse(422, "bundle_unknown")
    watched.create(service)
    watched.query(SURPRISES[surprise])
    controller.answer(202, {"state": "received", "percent": 0, "id": "a"})
    press(watched, "send")
    first, second = [body for _id, method, _path, body in controller.requests if method == "POST"]
    assert first["variant"] == second["variant"] == "dark"


@pytest.mark.parametrize("again", [send_again, retry], ids=lambda way: way.__name__)
def test_the_variant_of_an_order_that_was_taken_and_then_refused_is_still_known(watched, controller, again):
    watched.setting("variant_option", "Theme")
    order, service = watched.order()
    choose(watched, service, "dark|Dark")
    watched.create(service)
    controller.refuse(422, "bundle_unknown")
    watched.accept(order)
    controller.answer(200, {"state": "failed", "percent": 0, "error": {"code": "bundle_unknown"}})
    looked_at(watched)
    watched.query("DROP TABLE tblproductconfigoptionssub")
    controller.answer(202, {"state": "received", "percent": 0, "id": "a"})
    again(watched, service)
    sent = [body for _id, method, _path, body in controller.requests if method == "POST"]
    assert [body.get("variant") for body in sent if body["event"] == "module_created"] == ["dark", "dark"]
    assert any(f"reading the options of service {service} failed" in line for line in watched.log())


def test_where_no_option_chooses_the_variant_or_the_folder_none_is_looked_for(watched, controller):
    watched.setting("folder_option", "")
    controller.refuse(422, "bundle_unknown")
    _order, service = watched.order()
    watched.create(service)
    for table in ("tblhostingconfigoptions", "tblproductconfigoptions", "tblproductconfigoptionssub"):
        watched.query(f"DROP TABLE {table}")
    controller.answer(202, {"state": "received", "percent": 0, "id": "a"})
    assert "The event is sent again" in press(watched, "send").text
    assert [body["variant"] for _id, method, _path, body in controller.requests if method == "POST"] == [None, None]
    assert [line for line in watched.log() if "failed" in line] == []


def test_an_end_that_was_refused_is_no_refused_order(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    controller.refuse(422, "order_invalid")
    watched.terminate(service)
    controller.answer(202, {"state": "received", "percent": 0, "id": "a"})
    watched.create(service)
    watched.create(service)
    assert controller.events() == ["module_created", "terminated", "module_created"]
    assert [row["kind"] for row in watched.queue() if row["state"] == "refused"] == ["terminated"]


def test_an_order_sent_again_does_not_take_the_place_of_an_end_that_was_refused(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    controller.refuse(422, "order_invalid")
    watched.terminate(service)
    watched.create(service)
    assert [row["kind"] for row in watched.queue() if row["state"] == "refused"] == ["terminated", "module_created"]
    controller.answer(202, {"state": "received", "percent": 0, "id": "a"})
    press(watched, "send", id=str(watched.queue()[-1]["id"]))
    assert controller.events() == ["module_created", "terminated", "module_created", "module_created"]
    assert [row["kind"] for row in watched.queue() if row["state"] == "refused"] == ["terminated"]


def test_an_order_is_not_sent_again_for_a_product_that_has_no_shop_any_more(watched, controller):
    controller.refuse(422, "bundle_unknown")
    _order, service = watched.order()
    watched.create(service)
    page = admin_page(watched)
    watched.setting("products", "5 = boutique")
    assert "Nothing was done" in press(watched, "send", page).text
    assert controller.events() == ["module_created"]
