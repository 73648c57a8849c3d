"""What `doctor` finds out about WHMCS, without leaving anything there."""

import subprocess

import pytest

from controller.billing.whmcs.api import WhmcsApi
from controller.billing.whmcs.check import ACTIONS, permissions
from controller.billing.whmcs.settings import WhmcsSettings
from controller.doctor.billing import IGNORED_VARIABLES
from controller.doctor.registry import examine
from controller.settings.loading import load_config
from shared.errors import ShoplaunchError
from tests.fakes.whmcs.server import IDENTIFIER, SECRET, Whmcs


@pytest.fixture
def found(settings, whmcs):
    """Return a function: changes of the section -> {name: (fine, message, advice)}."""

    def make(**changes):
        rows = {name: rest for name, *rest in permissions(WhmcsSettings.from_dict(settings(**changes)))}
        books = whmcs.books
        assert (books.mails, books.tickets) == ([], [])
        return rows

    return make


def test_a_whmcs_that_is_set_up_well_is_fine_in_every_row(found):
    rows = found()
    assert all(fine for fine, _message, _advice in rows.values())
    assert "8.11.2" in rows[""][1] and rows["department"][1] == "Support"


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_that_is_not_allowed_is_named(found, whmcs, action):
    whmcs.role.discard(action)
    fine, message, advice = found()["actions"]
    assert (fine, message) == (False, f"not allowed: {action}") and "role" in advice


def test_a_wrong_department_is_reported_with_those_there_are(found):
    fine, message, _advice = found(department=9)["department"]
    assert not fine and "2 Support" in message


def test_an_administrator_nobody_knows_is_reported_with_those_there_are(found, whmcs):
    assert found()["admin"] == [True, "support", ""]
    fine, message, advice = found(admin="nobody")["admin"]
    assert not fine and "support" in message and "[whmcs] admin" in advice
    whmcs.role.discard("GetAdminUsers")
    fine, message, advice = found()["admin"]
    assert not fine and "GetAdminUsers" in advice


def test_a_closed_door_is_reported_once(found, whmcs):
    whmcs.allowed = {"192.0.2.1"}
    rows = found()
    assert list(rows) == [""] and "Invalid IP" in rows[""][1] and "allow-list" in rows[""][2]


def test_a_version_that_must_not_be_asked_hides_nothing_else(found, whmcs):
    whmcs.role.discard("WhmcsDetails")
    rows = found()
    assert not rows[""][0] and rows["actions"][0] and rows["department"][0]


def examined(settings, tmp_path):
    """Return what doctor shows of an installation with these settings for WHMCS, by name."""
    lines = "".join(f"{name} = {value!r}\n" for name, value in settings().items())
    home = tmp_path / "home"
    home.mkdir()
    (home / "shoplaunch.toml").write_text("[whmcs]\n" + lines)
    return {row.name: row for row in examine(load_config({"SHOPLAUNCH_HOME": str(home)}))}


def test_doctor_shows_it(settings, tmp_path, monkeypatch):
    for name in IGNORED_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    rows = examined(settings, tmp_path)
    assert rows["whmcs"].ok and rows["whmcs department"].ok
    assert "whmcs environment" not in rows


@pytest.mark.parametrize("name", IGNORED_VARIABLES)
def test_doctor_notes_variables_it_ignores(settings, tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    rows = examined(settings, tmp_path)
    assert rows["whmcs"].ok
    row = rows["whmcs environment"]
    assert row.ok and name in row.message and "SSL_CERT_FILE" in row.message


@pytest.fixture
def certified(tmp_path):
    """A WHMCS behind https whose certificate is its own authority; `authority` is the file."""
    files = str(tmp_path / "c.pem"), str(tmp_path / "k.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=billing",
               "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    running = Whmcs(*files)
    running.authority = files[0]
    yield running
    running.close()


def test_a_certificate_is_always_checked_and_an_own_authority_can_be_named(certified, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    values = {
        "url": certified.url, "identifier": IDENTIFIER, "secret_file": str(tmp_path / "secret"), "department": 2,
        "admin": "support",
    }  # fmt: skip
    with pytest.raises(ShoplaunchError) as caught:
        WhmcsApi(WhmcsSettings.from_dict(values)).call("WhmcsDetails")
    assert caught.value.code == "whmcs_unreachable" and "certificate" in caught.value.message
    assert certified.calls == []
    trusted = WhmcsSettings.from_dict({**values, "ca": certified.authority})
    assert WhmcsApi(trusted).call("WhmcsDetails")["result"] == "success"
