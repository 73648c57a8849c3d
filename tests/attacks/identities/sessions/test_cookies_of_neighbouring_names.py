"""A client's shop below the controller's own domain sets no cookie in the place of an operator's session or device."""

import dataclasses

import pytest

from controller.web.app import create_app
from tests.attacks.table import attack
from tests.support.worlds.web_site import PASSWORD, csrf_of

PLANTED = "shoplaunch=planted; shoplaunch_device=planted"


@pytest.fixture
def browser(people):
    """A browser of the installation at an https address; its cookies are sent by hand."""
    config = dataclasses.replace(people.config, public_url="https://control.example.com")
    return create_app(config, people.service).test_client(use_cookies=False)


def cookies_of(answer):
    return [line for line in answer.headers.getlist("Set-Cookie") if "lang" not in line]


def sent(lines, planted=PLANTED):
    """What a browser sends: those of a longer path or an earlier time come first."""
    return {"Cookie": "; ".join([planted, *(line.partition(";")[0] for line in lines)])}


@attack(
    "a client's shop at a name below the same domain sets cookies for all of it, called as an operator's session and "
    "device are, so that the operator is signed out or counted with strangers",
    "the controller reads cookies of names that browsers take from its own host alone",
)
def test_cookies_of_a_neighbouring_name_are_in_nobodys_place(browser):
    form = browser.get("/admin/login", headers=sent([]))
    data = {"user": "nora", "password": PASSWORD, "csrf_token": csrf_of(form.text)}
    entered = browser.post("/admin/login", data=data, headers=sent(cookies_of(form)))
    lines = cookies_of(entered)
    assert entered.status_code == 303 and len(lines) == 2
    for line in lines:
        assert line.startswith("__Host-") and "; Secure" in line and "; Path=/" in line and "Domain" not in line
    assert browser.get("/admin/jobs", headers=sent(lines)).status_code == 200
