"""The standard welcome mail waits until the shop is ready and is then sent once; no other mail is touched."""

import pytest

from tests.fakes.whmcs_php.harness import ORDERS

WELCOME = "Hosting Account Welcome Email"
OWN = "Second Welcome"


def live(whmcs, controller):
    controller.answer(200, {"state": "live", "percent": 100, "kind": "restore", "shop_url": "https://shop.example/"})
    whmcs.due_now()
    whmcs.cron()


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("order_of_events", ORDERS, ids=lambda acts: "-".join(acts))
@pytest.mark.parametrize(("product", "name"), [(3, WELCOME), (5, OWN)])
def test_it_is_held_whatever_whmcs_does_first_and_sent_once_the_shop_is_live(
    watched, controller, order_of_events, product, name
):
    _order, service = watched.order(product=product)
    watched.create(service, order=order_of_events)
    watched.cron()
    assert watched.mails() == []
    live(watched, controller)
    assert watched.mails() == [(name, service)]
    live(watched, controller)
    assert watched.mails() == [(name, service)]
    assert watched.send_mail(name, service), "a ready shop's mail may be sent again by hand"


def test_the_standard_mail_is_held_also_where_the_product_has_its_own(watched):
    _order, service = watched.order(product=5)
    watched.create(service)
    assert not watched.send_mail(WELCOME, service)


def test_the_welcome_mail_is_held_even_when_it_goes_out_before_any_hook_of_the_addon(watched):
    _order, service = watched.order()
    assert not watched.send_mail(WELCOME, service)
    assert watched.shop(service)["held_mail"] == WELCOME
    order, accepted = watched.order()
    watched.accept(order)
    assert not watched.send_mail(WELCOME, accepted)


@pytest.mark.parametrize(
    "name",
    ["Client Signup Email", "Invoice Created", "Service Suspension Notification", "Shoplaunch: shop ready", OWN, "x"],
)
def test_no_other_mail_is_touched(watched, name):
    _order, service = watched.order()
    watched.create(service)
    assert watched.send_mail(name, service)


def test_mails_of_other_services_are_not_touched(watched):
    _order, plain = watched.order(product=4)
    watched.create(plain)
    assert watched.mails() == [(WELCOME, plain)]
    _order, older = watched.order(domainstatus="Active")
    assert watched.send_mail(WELCOME, older), "a service older than the addon has its account already"
    assert watched.send_mail(WELCOME, 987654321), "no such service"


def test_a_general_mail_whose_client_has_the_number_of_a_held_service_goes_out(watched):
    _order, service = watched.order()
    watched.create(service)
    assert watched.send_mail("Client Signup Email", service)


def test_a_failed_sending_is_tried_again(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    watched.query("UPDATE tblemailtemplates SET disabled = 1 WHERE name = %s", WELCOME)
    live(watched, controller)
    assert watched.mails() == []
    assert any("welcome mail could not be sent" in line for line in watched.log())
    watched.query("UPDATE tblemailtemplates SET disabled = 0 WHERE name = %s", WELCOME)
    watched.query("UPDATE mod_shoplaunch_services SET mail_claimed_at = mail_claimed_at - 1000")
    watched.cron()
    assert watched.mails() == [(WELCOME, service)]


def test_a_mail_that_cannot_be_sent_for_days_is_left_to_the_administrator(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    watched.query("UPDATE tblemailtemplates SET disabled = 1 WHERE name = %s", WELCOME)
    live(watched, controller)
    watched.query("UPDATE mod_shoplaunch_services SET mail_claimed_at = 0, ready_at = ready_at - 400000")
    watched.cron()
    assert any("send it by hand" in line for line in watched.log())
    assert watched.shop(service)["held_mail"] == ""


def test_a_terminated_service_gets_no_welcome(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    watched.terminate(service)
    live(watched, controller)
    assert watched.mails() == []


def test_a_failed_creation_holds_nothing_for_ever(watched, controller):
    _order, service = watched.order()
    watched.create(service, failure="no licence")
    watched.query("UPDATE tblhosting SET domainstatus = 'Active' WHERE id = %s", service)
    assert watched.send_mail(WELCOME, service), "an administrator made the account by hand"
