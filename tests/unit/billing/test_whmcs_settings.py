"""What section [whmcs] may say, and what is refused."""

import pytest

from controller.billing.channels import channels
from controller.billing.mail import Mail
from controller.billing.whmcs.driver import Whmcs
from controller.billing.whmcs.settings import WhmcsSettings
from controller.settings.loading import load_config
from shared.errors import ShoplaunchError

GOOD = {
    "url": "https://billing.example.com", "identifier": "abc", "secret_file": "/nowhere", "department": 2,
    "admin": "support",
}  # fmt: skip


def refusal(call, *arguments):
    with pytest.raises(ShoplaunchError) as caught:
        call(*arguments)
    assert caught.value.code == "config_invalid"
    return caught.value.message


def test_calls_go_to_the_api_below_the_address():
    assert WhmcsSettings.from_dict(GOOD).endpoint == "https://billing.example.com/includes/api.php"
    below = WhmcsSettings.from_dict({**GOOD, "url": "https://example.com/billing/"})
    assert below.endpoint == "https://example.com/billing/includes/api.php"
    assert below.credentials == "link"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": "http://billing.example.com"}, "https"),
        ({"url": "billing.example.com"}, "url"),
        ({"url": "https://user:pw@billing.example.com"}, "url"),
        ({"url": ""}, "needs url"),
        ({"secret_file": None}, "needs secret_file"),
        ({"admin": ""}, "needs admin"),
        ({"department": "2"}, "department must be a int"),
        ({"department": True}, "department"),
        ({"credentials": "pigeon"}, "credentials must be one of"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"secret": "abc"}, "no setting 'secret'"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_refused_by_name(change, named):
    assert named in refusal(WhmcsSettings.from_dict, {**GOOD, **change})


def test_plain_http_is_for_this_very_machine():
    assert WhmcsSettings.from_dict({**GOOD, "url": "http://127.0.0.1:8080"}).endpoint.startswith("http://127.0.0.1")


def test_secrets_come_from_files_and_a_missing_one_is_named_without_its_content(tmp_path):
    settings = WhmcsSettings.from_dict(
        {**GOOD, "secret_file": str(tmp_path / "s"), "access_key_file": str(tmp_path / "k")}
    )
    assert "secret_file" in refusal(settings.secret)
    (tmp_path / "s").write_text("\n")
    assert "empty" in refusal(settings.secret)
    (tmp_path / "s").write_text(" abc \n")
    (tmp_path / "k").write_text("no spaces allowed")
    assert settings.secret() == "abc"
    assert "spaces" not in refusal(settings.access_key)


def test_the_section_decides_how_clients_of_billing_are_notified(tmp_path):
    (tmp_path / "shoplaunch.toml").write_text(
        '[whmcs]\nurl = "https://b.example"\nidentifier = "a"\nsecret_file = "/s"\ndepartment = 2\nadmin = "support"\n'
    )
    way = channels(load_config({"SHOPLAUNCH_HOME": str(tmp_path)}), lambda: 0.0, list)
    assert isinstance(way("whmcs", ""), Whmcs)
    assert isinstance(way("command", ""), Mail) and isinstance(way("api", ""), Mail)
    (tmp_path / "shoplaunch.toml").write_text("")
    way = channels(load_config({"SHOPLAUNCH_HOME": str(tmp_path)}), lambda: 0.0, list)
    assert isinstance(way("whmcs", ""), Mail)


def test_the_section_must_be_one(tmp_path):
    (tmp_path / "shoplaunch.toml").write_text('whmcs = "yes"\n')
    assert "[whmcs]" in refusal(load_config, {"SHOPLAUNCH_HOME": str(tmp_path)})
