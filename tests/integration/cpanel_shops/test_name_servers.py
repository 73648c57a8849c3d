"""The mail names the name servers to set, as long as the client's domain leads elsewhere."""

import email
import email.policy
import re

import pytest

from controller.billing.mail import Mail
from controller.panels.cpanel.settings import CpanelSettings
from controller.settings.sections import MailConfig
from shared.errors import ShoplaunchError

pytestmark = pytest.mark.root
HOSTS = ["ns1.host.example", "ns2.host.example"]


@pytest.fixture
def mails(world, tmp_path):
    """A function that returns the texts of the mails; from now on they are really written."""
    folder = tmp_path / "mails"
    billing = Mail(MailConfig(folder=str(folder)))
    world.service.installation.billing = lambda _source, _key: billing

    def texts():
        found = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in folder.iterdir()]
        return [one.get_content().replace("\r\n", "\n") for one in found]

    return texts


def of(text):
    """Return the name servers a mail names."""
    return re.findall(r"\bns\d\.[a-z.]+", text)


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(("language", "words"), [("en", "Set these name servers"), ("fa", "این نام‌سرورها")])
def test_the_client_of_a_domain_that_leads_elsewhere_gets_the_name_servers_to_set(world, mails, language, words):
    world.opened(language=language)
    (text,) = mails()
    assert words in text and of(text) == HOSTS
    # A paragraph of its own between the password and what follows
    assert "\n\n\n" not in text and f"{HOSTS[1]}\n\n" in text


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_client_of_a_domain_that_leads_here_gets_no_name_servers(world, whm, mails, language):
    hosting = world.new_account()
    whm.dns[hosting.domain] = whm.ip
    world.opened(hosting, language=language)
    (text,) = mails()
    assert of(text) == [] and "server" not in text.lower() and "نام‌سرور" not in text
    assert "\n\n\n" not in text


def test_a_setting_of_the_server_comes_first(world, mails):
    world.settings["name_servers"] = "NS7.other.example, ns8.other.example"
    world.opened()
    assert of(mails()[0]) == ["ns7.other.example", "ns8.other.example"]


def test_what_the_panel_named_when_it_made_the_account_is_remembered(world, whm, mails):
    user = whm.new_user()
    job = world.order(server="cp1", bundle="sample", account=user, domain=f"{user}.test", create_account=True)
    world.work()
    assert world.job(job).state == "dropped", world.trouble(job)
    world.keep_from_cron(user)
    whm.quirks.name_servers = ("ns5.later.example",)
    world.until(job)
    assert of(mails()[0]) == HOSTS


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("quirks", [{"tells_name_servers": False}, {"name_servers": ()}], ids=["no function", "none"])
def test_where_the_panel_knows_none_the_mail_names_none(world, whm, mails, quirks):
    for name, value in quirks.items():
        setattr(whm.quirks, name, value)
    world.opened()
    assert of(mails()[0]) == []


@pytest.mark.parametrize(
    "value", ["ns1", "ns1.example.com;rm", "http://ns1.example.com", "ns1.example.com ns2.example"]
)
def test_what_is_no_host_name_is_refused(value):
    with pytest.raises(ShoplaunchError) as caught:
        CpanelSettings.from_dict({"name_servers": value})
    assert caught.value.code == "config_invalid"
