"""A mail goes to the very address that was ordered with: no program on the way reads another one in it."""

from email import message_from_bytes
from email.policy import SMTP

import pytest

from controller.billing.base import Handover
from controller.billing.mail import Mail
from controller.jobs.intake.orders import check_email
from controller.settings.sections import MailConfig
from controller.setup import operator_address
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

#: Words that programs decode: into another address, a list of them, lines of a header's own.
ENCODED = (
    "=?us-ascii?q?victim=40victim.example=2C?=@attacker.example",
    "=?utf-8?q?=61dmin?=@example.com",
    "=?utf-8?b?dmljdGltQHZpY3RpbS5leGFtcGxl?=@attacker.example",
    "=?utf-8?q?a=0D=0ABcc=3A_x=40y.example?=@attacker.example",
    "o=?utf-8?q?x?=@example.com",
)
ODD = (
    "o'neil+shop@example.com",
    "a=b@example.com",
    "!#$%&'*+-/=^_`{|}~@example.com",
    "x?@sub.example.com",
    "-o@example.com",
)


def handed_over(folder, address):
    """Hand a shop over to `address`; return the message."""
    texts = dict.fromkeys(("shop_url", "admin_url", "login", "password"), "x")
    news = Handover(
        job="j1", domain="example.com", email=address, first_name="Alice", language="en", noun="shop", name_servers=(),
        **texts,
    )  # fmt: skip
    Mail(MailConfig(folder=str(folder))).hand_over(news)
    (file,) = folder.iterdir()
    return message_from_bytes(file.read_bytes(), policy=SMTP), file.read_bytes()


@attack(
    "a client orders with an address that mail programs decode into another one",
    "it is no address; and what was ordered with one before is sent to nobody",
)
@pytest.mark.parametrize("address", ENCODED)
def test_an_encoded_address_is_none(tmp_path, address):
    for check in (check_email, operator_address.check):
        with pytest.raises(ShoplaunchError) as refused:
            check(address)
        assert refused.value.code == "email_invalid"
    with pytest.raises(ShoplaunchError) as refused:
        handed_over(tmp_path, address)
    assert refused.value.code == "mail_failed"


@pytest.mark.parametrize("address", ODD)
def test_an_odd_address_gets_its_mail(tmp_path, address):
    assert check_email(address) == address
    message, content = handed_over(tmp_path, address)
    (to,) = message["To"].addresses
    assert to.addr_spec == address
    assert f"\r\nTo: {address}\r\n".encode() in content
