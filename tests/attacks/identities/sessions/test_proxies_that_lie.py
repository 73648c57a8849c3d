"""A proxy that is trusted names addresses that are none: nothing breaks, and guesses are counted all the same."""

import pytest

from controller.db.identities.logins import MAX_PER_ADDRESS
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.app import create_app
from tests.attacks.table import attack
from tests.support.state.installing import install
from tests.support.worlds.web_site import csrf_of

PROXY = "192.0.2.80"
LIES = {
    "nothing": "",
    "a word": "unknown",
    "a port": "192.0.2.7:99999",
    "brackets": "[2001:db8::1%eth0]:1",
    "a list of nothing": ", ,,",
    "a control character": "192.0.2.7\x01",
    "an address as long as a page": "1" * 5000,
    "more proxies than there are": ", ".join(["192.0.2.9"] * 400),
    "no ASCII": "\u00e9\u00ff",
    "a statement": "' OR 1=1 --",
}


@pytest.fixture
def app(tmp_path):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path / "home"), "SHOPLAUNCH_TRUSTED_PROXIES": "1"})
    install(config)
    installation.set_operator(config, "nora", "correct horse battery")
    service = open_service(config)
    yield create_app(config, service)
    service.installation.engine.dispose()


@pytest.mark.sampled(of=5)
@attack("a trusted proxy names addresses that are none", "each is one sender, whose guesses are counted")
@pytest.mark.parametrize("lie", LIES)
def test_an_address_that_is_none_is_one_sender(app, lie):
    known = {"environ_base": {"REMOTE_ADDR": PROXY}, "headers": {"X-Forwarded-For": LIES[lie]}}
    codes = []
    for number in range(MAX_PER_ADDRESS + 1):
        browser = app.test_client()
        form = {
            "user": f"u{number}",
            "password": "wrong",
            "csrf_token": csrf_of(browser.get("/admin/login", **known).text),
        }
        codes.append(browser.post("/admin/login", data=form, **known).status_code)
    assert codes == [401] * MAX_PER_ADDRESS + [429]
