"""Until the shop is ready its client meets the progress page at every door of the account; then the doors open."""

import pytest

from tests.fakes.whmcs_php.harness import Whmcs

DETAILS = {"action": "productdetails"}
DOORS = (
    {},
    {"dosinglesignon": 1},
    {"dosinglesignon": 1, "app": "Backups_Home"},
    {"modop": "custom", "a": "login"},
)


@pytest.fixture
def held(watched):
    """(WHMCS, client, service): the account is there, its shop is not."""
    _order, service = watched.order()
    watched.create(service)
    return watched, watched.rows("tblhosting", id=service)[0]["userid"], service


def let_in(whmcs: Whmcs, controller):
    controller.answer(200, {"state": "live", "percent": 100, "kind": "restore"})
    whmcs.due_now()
    whmcs.cron()


def knock(whmcs, client, service, method, more):
    """Return the answer at one door; `mixed` says the action in the address and the rest in the form."""
    asked = {**DETAILS, "id": service, **more}
    if method == "get":
        return whmcs.page("/clientarea.php", client=client, **asked)
    if method == "post":
        return whmcs.page("/clientarea.php", client=client, post=asked)
    return whmcs.page("/clientarea.php", client=client, post={**more, "id": service}, **DETAILS)


@pytest.mark.parametrize("method", ["get", "post", "mixed"])
def test_details_single_sign_on_and_module_actions_lead_to_the_progress_page_until_ready(held, controller, method):
    whmcs, client, service = held
    for more in DOORS:
        page = knock(whmcs, client, service, method, more)
        assert (page.status, page.redirect) == (302, f"index.php?m=shoplaunch&service={service}"), more
        assert "CLIENT-PASSWORD" not in page.text
    let_in(whmcs, controller)
    for more in DOORS:
        page = knock(whmcs, client, service, method, more)
        entered = "cpsess" in (page.redirect or "") if "dosinglesignon" in more else page.redirect is None
        assert entered and "shoplaunch" not in str(page.redirect), more


def test_no_trick_with_the_request_gets_past(held):
    whmcs, client, service = held
    _order, other = whmcs.order(client=client, product=4)
    progress = f"index.php?m=shoplaunch&service={service}"
    details = "/clientarea.php?action=productdetails"
    assert whmcs.page(details + f"&id={other}", client=client, post={"id": service}).redirect == progress
    assert whmcs.page(details + f"&id={service}", client=client, post={"id": other}).redirect == progress
    assert whmcs.page(details + f"&id={service}abc", client=client).redirect == progress
    assert whmcs.page(details + f"&id=%20{service}", client=client).redirect == progress
    assert whmcs.page(details + f"&id=0{service}", client=client).redirect == progress
    assert whmcs.page(f"/clientarea.php?action=products&id={service}", client=client, post=DETAILS).redirect == progress
    assert whmcs.page(details + "&id[]=1", client=client).redirect is None


def test_the_details_page_is_closed_by_whatever_address_it_is_reached(held, controller):
    whmcs, client, service = held
    page = whmcs.page(f"/clientarea/service/{service}", client=client)
    assert page.redirect == f"index.php?m=shoplaunch&service={service}" and "CLIENT-PASSWORD" not in page.text
    let_in(whmcs, controller)
    assert "CLIENT-PASSWORD" in whmcs.page(f"/clientarea/service/{service}", client=client).text


def test_sidebars_of_other_pages_have_no_way_in_until_ready(held, controller):
    whmcs, client, service = held
    page = whmcs.page("/clientarea.php", client=client, action="cancel", id=service)
    assert "page cancel" in page.text and "Client Details" in page.text
    assert "Login to cPanel" not in page.text and "Service Details Actions" not in page.text
    assert "Login to cPanel" in whmcs.page("/clientarea.php", client=client, admin=1, action="cancel", id=service).text
    let_in(whmcs, controller)
    assert "Login to cPanel" in whmcs.page("/clientarea.php", client=client, action="cancel", id=service).text


def test_other_pages_and_services_stay_open(held):
    whmcs, client, service = held
    _order, plain = whmcs.order(client=client, product=4)
    whmcs.create(plain)
    assert "CLIENT-PASSWORD" in whmcs.page("/clientarea.php", client=client, id=plain, **DETAILS).text
    assert "page invoices" in whmcs.page("/clientarea.php", client=client, action="invoices", id=service).text
    assert "portal home" in whmcs.page("/index.php", client=client).text


def test_a_service_older_than_the_addon_is_never_closed(watched):
    _order, service = watched.order(domainstatus="Active")
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    assert "CLIENT-PASSWORD" in watched.page("/clientarea.php", client=client, id=service, **DETAILS).text


def test_an_administrator_who_looks_as_the_client_reads_of_a_site_where_it_is_one(watched, controller):
    controller.answer(202, {"state": "restoring", "percent": 5, "noun": "site"})
    _order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    watched.create(service)
    page = watched.page("/clientarea.php", client=client, admin=1, id=service, **DETAILS)
    assert "This site is not ready yet" in page.text


def test_a_service_without_an_account_is_not_closed(watched):
    order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    watched.accept(order)
    assert watched.page("/clientarea.php", client=client, id=service, **DETAILS).redirect is None
    watched.create(service, failure="no licence")
    assert watched.page("/clientarea.php", client=client, id=service, **DETAILS).redirect is None


def test_an_administrator_who_looks_as_the_client_passes_and_sees_why(held):
    whmcs, client, service = held
    page = whmcs.page("/clientarea.php", client=client, admin=1, id=service, **DETAILS)
    assert page.redirect is None
    assert "CLIENT-PASSWORD" in page.text and "Login to cPanel" in page.text and "not ready yet" in page.text
    sso = whmcs.page("/clientarea.php", client=client, admin=1, id=service, dosinglesignon=1, **DETAILS)
    assert "cpsess" in sso.redirect
    home = whmcs.page("/clientarea.php", client=client, admin=1)
    assert f"service{service}" in home.text


def test_the_page_hooks_blank_what_one_logs_in_with_should_a_page_be_made_all_the_same(held, controller):
    whmcs, _client, service = held
    session = {"session": {"uid": 1}, "area": "client"}
    [page] = whmcs.fire("ClientAreaPageProductDetails", {"id": service, "username": "u", "password": "p"}, **session)
    assert (page["username"], page["password"], page["moduleclientarea"]) == ("", "", "")
    [module] = whmcs.fire("ClientAreaProductDetailsPreModuleTemplate", {"serviceid": service}, **session)
    assert module == {"username": "", "password": ""}
    let_in(whmcs, controller)
    assert whmcs.fire("ClientAreaPageProductDetails", {"id": service}, **session) == []


def test_the_home_panel_loses_the_held_service_only(held, controller):
    whmcs, client, service = held
    _order, plain = whmcs.order(client=client, product=4)
    home = whmcs.page("/clientarea.php", client=client).text
    assert f"service{plain}" in home and "Recent Invoices" in home
    assert f"service{service}" not in home
    let_in(whmcs, controller)
    assert f"service{service}" in whmcs.page("/clientarea.php", client=client).text


def test_the_home_panel_is_removed_where_its_rows_cannot_be_distinguished(held):
    whmcs, client, _service = held
    home = whmcs.page("/clientarea.php", client=client, headers={"X-Panel": "opaque"}).text
    assert "Active Products/Services" not in home and "Recent Invoices" in home
    other = whmcs.page("/clientarea.php", client=whmcs.client(), headers={"X-Panel": "opaque"}).text
    assert "Active Products/Services" in other


def test_pages_that_do_not_concern_it_cost_no_query(held):
    whmcs, client, _service = held
    for path in ("/index.php", "/clientarea.php?action=invoices", "/clientarea.php?action=products"):
        whmcs.page(path, client=client, headers={"X-Count": "page"})
    assert whmcs.rows("double_queries", request="page") == []
    whmcs.page("/clientarea.php?action=productdetails&id=1", client=client, headers={"X-Count": "page"})
    assert whmcs.rows("double_queries", request="page") != [], "counting works"


def test_a_new_account_of_a_terminated_service_is_closed_again(held, controller):
    whmcs, client, service = held
    let_in(whmcs, controller)
    whmcs.terminate(service)
    controller.answer(503, "down", "text/html")
    whmcs.create(service)
    # The controller, asked too early, would speak of the first account's shop
    controller.answer(200, {"state": "live", "percent": 100, "kind": "restore"})
    poll = whmcs.page("/index.php", m="shoplaunch", service=service, client=client, poll=1)
    assert '"mood":"ready"' not in poll.text
    assert whmcs.page("/clientarea.php", client=client, id=service, **DETAILS).redirect is not None


@pytest.mark.parametrize("kind", ["https_on", "set_admin_password"])
def test_a_follow_up_job_of_a_live_shop_means_that_it_was_live(held, controller, kind):
    whmcs, client, service = held
    controller.answer(200, {"state": "restoring", "percent": 10, "kind": kind})
    whmcs.due_now()
    whmcs.cron()
    assert whmcs.page("/clientarea.php", client=client, id=service, **DETAILS).redirect is None
