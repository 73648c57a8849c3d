"""Who may sign in or sign orders changes by its owner's hand alone: with a confirmation, a password and, for a second
factor, a code of the very app."""

import html
import re

import pytest

from controller.access import billing_keys, operators, second_factor, totp
from controller.db.connection.engine import reading
from controller.db.identities import access
from controller.db.identities.api_keys import ApiKey
from tests.attacks.table import attack
from tests.support.users.people import PASSWORD

_SEALED = re.compile(r'name="sealed" value="([^"]+)"')
_KEY = re.compile(r'id="secret"[^>]*>(.*?)</bdi>')
FACTOR, CODE = "/admin/account/second-factor", "/admin/account/second-factor/code"
#: Every change of access: path, fields of its form.
CHANGES = {
    "add an operator": ("/admin/operators/add", {"user": "mallory", "role": "administer"}),
    "change a role": ("/admin/operator/omid/role", {"role": "administer"}),
    "take a second factor": ("/admin/operator/omid/second-factor", {}),
    "end sessions": ("/admin/operator/omid/sessions", {}),
    "remove an operator": ("/admin/operator/omid/remove", {}),
    "set a password": ("/admin/operator/omid/password", {}),
    "add a key": ("/admin/keys/add", {"name": "mallory", "rate": "600", "all_servers": "1", "all_bundles": "1"}),
    "renew a key": ("/admin/key/billing/renew", {}),
    "revoke a key": ("/admin/key/billing/revoke", {}),
    "show a QR code": (FACTOR, {}),
    "end one's second factor": (f"{FACTOR}/end", {}),
}


@pytest.fixture
def people(people):
    """The installation of every attack, with a key of a billing system."""
    billing_keys.add(people.actor, ApiKey("billing"))
    return people


def everything(people):
    """What is changed by none of the attacks."""
    known, secret = people.service, people.service.access.signing_secret("billing")
    rows = [(one.user, one.role, one.second_factor) for one in operators.listed(people.actor, known.now())]
    with reading(known.installation.engine) as connection:
        passwords = [access.password_hash(connection, name) for name in ("omid", "nora")]
    return rows, passwords, [key.name for key in billing_keys.listed(people.actor)], secret


def with_factor(people, user):
    """Return a browser in which the operator is signed in, who has a second factor: there is one to take away."""
    _secret, codes = second_factor.begin(people.actor, user)
    status, browser = people.try_in(user, code=codes[0])
    assert status == 303
    return browser


@pytest.mark.sampled(of=2)
@attack("somebody finds an operator's browser unlocked, or has a copy of the session", "without the password nothing")
@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_access_wants_ones_own_password(people, change):
    path, form = CHANGES[change]
    browser, other = with_factor(people, "nora"), with_factor(people, "omid")
    before = everything(people)
    for given in ("", "wrong", PASSWORD + " "):
        answer = people.post(browser, path, own_password=given, **form)
        assert answer.status_code == 401 and "That is not your password" in html.unescape(answer.text)
        assert "<svg viewBox" not in answer.text.partition('class="qr"')[2]
    assert other.get("/admin/jobs").status_code == 200
    assert everything(people) == before


@attack("the same tries passwords", "as often as at the login, and no more")
def test_passwords_are_not_guessed_there(people):
    browser = people.signed_in("nora")
    path = CHANGES["end sessions"][0]
    answers = [people.post(browser, path, own_password="guess").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    assert people.post(browser, path).status_code == 429


@attack("a link or a foreign page leads an administrator to a change", "it is asked, and nothing is changed")
@pytest.mark.parametrize("change", CHANGES)
def test_a_link_changes_nothing(people, change):
    path, form = CHANGES[change]
    browser, _other = with_factor(people, "nora"), with_factor(people, "omid")
    before = everything(people)
    assert browser.get(path, query_string=form).status_code == 200
    assert browser.post(path, data={"own_password": PASSWORD, **form}).status_code == 400
    assert everything(people) == before


def offered(answer):
    """Return (the app's key, what is sealed) of the page with the QR code."""
    key = re.sub(r"<[^>]+>", "", _KEY.search(answer.text).group(1))
    return key, html.unescape(_SEALED.search(answer.text).group(1))


def code(people, key, steps=0):
    return totp.code_at(key, int(people.service.now() // totp.STEP_SECONDS) + steps)


@attack("an operator gives up halfway, or the app read the code wrongly", "the password alone still signs in")
def test_a_second_factor_counts_once_a_code_was_seen(people):
    browser = people.signed_in("omid")
    key, sealed = offered(people.post(browser, FACTOR))
    for wrong in ("", "000000", code(people, key, 9)):
        answer = people.post(browser, CODE, sealed=sealed, code=wrong)
        # The same key again: the app has it already
        assert answer.status_code == 401 and offered(answer) == (key, sealed)
    assert not people.get("omid").second_factor and people.try_in("omid")[0] == 303
    assert people.post(browser, CODE, sealed=sealed, code=code(people, key)).status_code == 200
    assert people.get("omid").second_factor and people.try_in("omid")[0] == 401


@attack("somebody read the code over the shoulder while it was set up", "it has been used")
def test_the_code_that_set_it_up_is_used(people):
    browser = people.signed_in("omid")
    key, sealed = offered(people.post(browser, FACTOR))
    used = code(people, key)
    assert people.post(browser, CODE, sealed=sealed, code=used).status_code == 200
    assert people.try_in("omid", code=used)[0] == 401
    assert people.try_in("omid", code=totp.code_at(key, _step(key, used, people) + 1))[0] == 303


def _step(key, used, people):
    return totp.step_of(key, used, people.service.now()) or 0


@attack("somebody plants a key of his own in an operator's form", "a key that was offered to somebody else is none")
def test_a_key_of_somebody_else_is_none(people):
    mine, theirs = people.signed_in("nora"), people.signed_in("omid")
    key, sealed = offered(people.post(mine, FACTOR))
    made_up = people.service.installation.keys.encrypt("[]")
    for planted in (sealed, made_up, "x", "", key):
        answer = people.post(theirs, CODE, sealed=planted, code=code(people, key))
        assert answer.status_code == 410 and "Begin again" in answer.text
    assert not people.get("omid").second_factor


@attack("a page with a key was left open", "after a quarter of an hour it is of no use")
def test_an_offered_key_has_its_time(people):
    now = people.service.now()
    key, sealed = second_factor.offer(people.actor, "omid", now)
    assert second_factor.offered(people.actor, "omid", sealed, now + second_factor.OFFER_SECONDS) == key
    assert second_factor.offered(people.actor, "omid", sealed, now + second_factor.OFFER_SECONDS + 1) is None


@attack(
    "somebody kept a key that was offered, and comes into a session after a password was changed or the key was set up",
    "what ended the sessions ended the offer: it takes the password again",
)
@pytest.mark.parametrize("measure", ["used", "password"])
def test_an_offered_key_is_over_with_the_sessions(people, measure):
    browser = people.signed_in("omid")
    key, sealed = offered(people.post(browser, FACTOR))
    if measure == "used":
        assert people.post(browser, CODE, sealed=sealed, code=code(people, key)).status_code == 200
    else:
        operators.set_password(people.actor, "omid", PASSWORD)
        browser = people.signed_in("omid")
    before = everything(people), people.get("omid").recovery_codes
    answer = people.post(browser, CODE, sealed=sealed, code=code(people, key, 1))
    assert answer.status_code == 410 and (everything(people), people.get("omid").recovery_codes) == before


@attack("a session was copied before its owner set up a second factor", "it is over, and the owner's own goes on")
def test_setting_it_up_ends_every_other_session(people):
    browser, copied = people.signed_in("omid"), people.app.test_client()
    copied.set_cookie("shoplaunch", browser.get_cookie("shoplaunch").value)
    assert copied.get("/admin/jobs").status_code == 200
    key, sealed = offered(people.post(browser, FACTOR))
    assert people.post(browser, CODE, sealed=sealed, code=code(people, key)).status_code == 200
    assert copied.get("/admin/jobs").status_code == 302 and browser.get("/admin/jobs").status_code == 200
    assert people.get("omid").sessions == 1


@attack("an administrator looks up an operator or a key for its secret", "nothing of it is on any page or in the log")
def test_what_is_shown_once_is_nowhere_else(people):
    browser = people.signed_in("nora")
    answer = people.post(browser, "/admin/key/billing/renew")
    secret = people.service.access.signing_secret("billing").decode()
    assert secret in answer.text and answer.headers["Cache-Control"] == "no-store"
    key, codes = second_factor.begin(people.actor, "omid")
    for path in ("/admin/keys", "/admin/key/billing", "/admin/operators", "/admin/operator/omid", "/admin/audit"):
        page = browser.get(path).text
        assert not [one for one in (secret, key, *codes) if one in page], path
