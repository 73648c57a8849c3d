"""The mails of the addon's templates as the client reads them, sent by the real controller's billing driver."""

import dataclasses
import re

import pytest

from controller.billing.whmcs.driver import Whmcs as Driver
from controller.billing.whmcs.settings import WhmcsSettings
from tests.fakes.whmcs.books import Template
from tests.fakes.whmcs.server import IDENTIFIER, SECRET
from tests.fakes.whmcs.server import Whmcs as Api
from tests.integration.billing.orders import about, handover

PERSIAN = re.compile("[آ-ی]{3}")
ENGLISH = re.compile("\\b(shop|password|order|you|Your)\\b")


@pytest.fixture
def api(watched):
    """The API of a WHMCS whose templates are the addon's, filled in by Smarty (tests.fakes.whmcs.server.Whmcs)."""
    made = Api()
    made.books.add_service("1042")
    made.books.rendered = lambda text, client, values: watched.render(
        text, client_name=client["fullname"], signature="Us", **values
    )
    yield made
    made.close()


@pytest.fixture
def written_to(watched, controller, api, tmp_path):
    """Return a function: the client's language, the addon's and WHMCS's own -> mails and ticket of a whole order."""
    (tmp_path / "secret").write_text(SECRET)
    settings = WhmcsSettings.from_dict(
        {"url": api.url, "identifier": IDENTIFIER, "secret_file": str(tmp_path / "secret"), "department": 2,
         "admin": "support"}
    )  # fmt: skip

    def tell(language, default="english", system="english", noun="shop", **news):
        watched.setting("default_language", default)
        api.books.add_client("5", language=language)
        api.books.templates = templates(watched, language or system)
        _order, service = watched.order(client=watched.client(language=language))
        watched.create(service)
        ordered = controller.requests[-1][3]
        job = about(language=ordered["language"], noun=noun)
        driver = Driver(settings)
        driver.announce(job)
        driver.delayed(job)
        driver.hand_over(dataclasses.replace(handover(job), **news))
        [ticket] = api.books.tickets
        return api.books.mails, ticket

    return tell


def templates(whmcs, language):
    """Return name -> Template as WHMCS chooses them for somebody of this language: its own row, else the default."""
    rows = whmcs.query("SELECT * FROM tblemailtemplates WHERE name LIKE 'Shoplaunch:%%' ORDER BY language")
    return {row["name"]: Template(row["subject"], row["message"]) for row in rows if row["language"] in ("", language)}


@pytest.mark.sampled(of=2, each=("system",))
@pytest.mark.parametrize("system", ["english", "farsi"])
@pytest.mark.parametrize(
    ("language", "default", "persian"),
    [("farsi", "english", True), ("english", "farsi", False), ("", "farsi", True), ("", "english", False),
     ("german", "farsi", False)],
)  # fmt: skip
def test_mails_and_ticket_are_in_the_same_language(written_to, language, default, persian, system):
    mails, ticket = written_to(language, default, system)
    texts = [ticket["subject"], *(reply["message"] for reply in ticket["replies"])]
    texts += [mail[part] for mail in mails for part in ("subject", "message")]
    assert len(texts) == 9
    for text in texts:
        words = re.sub(r"https?://\S+|<[^>]*>|shop\.example\.com", "", text)
        assert (bool(PERSIAN.search(words)), bool(ENGLISH.search(words))) == (persian, not persian), text


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(("language", "site", "shop"), [("english", "site", "shop"), ("farsi", "سایت", "فروشگاه")])
@pytest.mark.parametrize("noun", ["shop", "site"])
def test_mails_call_a_shop_a_shop_and_a_site_a_site(written_to, language, site, shop, noun):
    mails, ticket = written_to(language, noun=noun, name_servers=("ns1.example.net",))
    said, unsaid = (site, shop) if noun == "site" else (shop, site)
    texts = [ticket["subject"], *(mail[part] for mail in mails for part in ("subject", "message"))]
    assert len(texts) == 7
    for text in texts:
        words = re.sub(r"https?://\S+|<[^>]*>|shop\.example\.com", "", text).lower()
        assert said in words and unsaid not in words, text


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(
    ("language", "way", "said"),
    [
        ("english", "link", "The link works once"),
        ("english", "set", "Choose your password"),
        ("farsi", "link", "فقط یک بار"),
        ("farsi", "set", "انتخاب کنید"),
    ],
)
def test_the_mail_says_which_way_the_client_comes_to_the_password(written_to, language, way, said):
    mails, _ticket = written_to(language, way=way)
    ready = mails[-1]["message"]
    assert "credentials/T2" in ready
    every = ("The link works once", "Choose your password", "فقط یک بار", "انتخاب کنید")
    assert [words for words in every if words in ready] == [said]


def test_a_mail_with_the_password_speaks_of_no_link(written_to):
    mails, _ticket = written_to("english", way="mail", password="Pa$$w0rd-{1}", password_link="")
    assert "Password: Pa$$w0rd-{1}" in mails[-1]["message"] and "link" not in mails[-1]["message"]
