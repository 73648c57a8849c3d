"""All there is to tell of one shop through WHMCS, and what stands there then."""

from controller.billing.base import Alarm
from tests.integration.billing.orders import handover

CHANGES = ("OpenTicket", "AddTicketReply", "SendEmail", "AddTicketNote")
TROUBLE = {
    "job": "j7k2m9q4x8", "domain": "shop.example.com", "server": "web1", "state": "failed", "step": "php",
    "code": "panel_refused", "message": "no such PHP", "advice": "Install one.", "admin_url": "https://c.example/admin/1",
}  # fmt: skip


def everything(driver, news):
    """Tell all there is to tell of one shop."""
    driver.announce(news)
    driver.alarm(Alarm(**TROUBLE, about=news))
    driver.delayed(news)
    driver.hand_over(handover(news))


def subjects(whmcs):
    return [mail["subject"] for mail in whmcs.books.mails]


def assert_notified_once(whmcs):
    [ticket] = whmcs.books.tickets
    assert len(ticket["replies"]) == 2 and len(ticket["notes"]) == 1
    assert subjects(whmcs) == ["Received: shop.example.com", "Delayed: shop.example.com", "Ready: shop.example.com"]
