"""Messages to clients call a shop a shop, and a site that sells nothing a site."""

import email
import email.policy
import re

import pytest

from controller.billing.base import Handover
from controller.billing.mail import Mail
from controller.billing.whmcs.driver import Whmcs
from controller.billing.whmcs.settings import WhmcsSettings
from controller.settings.sections import MailConfig
from tests.integration.billing.orders import about, handover

#: language -> (shop, site)
WORDS = {"en": ("shop", "site"), "fa": ("فروشگاه", "سایت")}
SERVERS = ("ns1.example.net",)
CASES = [
    ("shop", "en", "Your shop {} is ready", ("your shop is ready.", "Shop: http://")),
    ("site", "en", "Your site {} is ready", ("your site is ready.", "Site: http://")),
    ("shop", "fa", "فروشگاه {} آماده است", ("فروشگاه شما آماده است.", "فروشگاه: http://", "بازدیدکنندگان فروشگاه را")),
    ("site", "fa", "سایت {} آماده است", ("سایت شما آماده است.", "سایت: http://", "بازدیدکنندگان سایت را")),
]
NAMES = [f"{noun}-{language}" for noun, language, *_rest in CASES]
BUILT = {
    "shop-en": "Your shop shop.example.com is being built",
    "site-en": "Your site shop.example.com is being built",
    "shop-fa": "فروشگاه shop.example.com در حال ساخت است",
    "site-fa": "سایت shop.example.com در حال ساخت است",
}


def words(text):
    """Return a text's words in small letters, without host names and addresses."""
    return re.sub(r"\S*://\S*|[\w.]+\.example\.com", "", text.lower())


def assert_speaks_of(noun, text):
    """The other one is named nowhere."""
    for pair in WORDS.values():
        assert pair[noun == "shop"] not in words(text), text


@pytest.mark.parametrize(("noun", "language", "subject", "said"), CASES, ids=NAMES)
def test_the_mail(tmp_path, noun, language, subject, said):
    news = {"noun": noun, "language": language, "name_servers": SERVERS, "password": "x", "about": None}
    Mail(MailConfig(folder=str(tmp_path))).hand_over(Handover(**{**vars(handover()), **news}))
    [path] = tmp_path.glob("*.eml")
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert message["Subject"] == subject.format("shop.example.com")
    text = message.get_content()
    assert [one for one in said if one not in text] == []
    assert_speaks_of(noun, text)


@pytest.mark.parametrize(("noun", "language", "subject", "said"), CASES, ids=NAMES)
def test_the_ticket(settings, whmcs, noun, language, subject, said):
    whmcs.books.add_client("5", language={"en": "english", "fa": "farsi"}[language])
    driver, news = Whmcs(WhmcsSettings.from_dict(settings())), about(noun=noun)
    driver.announce(news)
    driver.hand_over(handover(news, name_servers=SERVERS))
    [ticket] = whmcs.books.tickets
    assert ticket["subject"] == f"{BUILT[f'{noun}-{language}']} (#{news.job})"
    opened, ready = (reply["message"] for reply in ticket["replies"])
    assert [one for one in said if one not in ready] == []
    for text in (ticket["subject"], opened, ready):
        assert_speaks_of(noun, text)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_all_notifications_about_an_order_for_a_site(billed_world, whmcs, language):
    billed_world.add_bundle("blog", application={"name": "wordpress", "version": "6.8", "noun": "site"})
    whmcs.books.clients["5"]["language"] = ""
    billed_world.finish(billed_world.begin(bundle="blog", domain="tea.example.com", language=language))
    [ticket] = whmcs.books.tickets
    billed_world.live(bundle="blog", domain="herbs.example.com", language=language)
    [letter] = billed_world.clients_mail()
    text = email.message_from_bytes(letter.encode(), policy=email.policy.default).get_content()
    for one in (ticket["subject"], *(reply["message"] for reply in ticket["replies"]), text):
        assert WORDS[language][1] in words(one)
        assert_speaks_of("site", one)
