"""The pages of operators and keys: what they list and change, in both languages, and what stands in the audit log."""

import re

import pytest

from controller.access import billing_keys, second_factor, totp
from controller.access.actor import COMMAND_LINE
from controller.db.connection.engine import transact
from controller.db.identities import sessions
from controller.db.identities.api_keys import ApiKey
from tests.support.users.people import People, prepare

_ONCE = re.compile(r"<dt>(?:Password|Secret)</dt><dd><bdi[^>]*>([^<]+)</bdi>")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("people") / "home", nora="administer", omid="operate", leila="look")


@pytest.fixture
def people(prepared, tmp_path):
    made = People(prepared, tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def browser(people):
    return people.signed_in("nora")


def row(page, name):
    """Return the text of the table's row that is about `name`."""
    found = re.search(rf'<tr data-(?:user|key)="{re.escape(name)}">(.*?)</tr>', page, re.S).group(1)
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


def actions(people):
    return [(entry.user, entry.action, entry.detail) for entry in people.service.access.list_audit(9, 0)]


def test_operators_are_listed_with_role_factor_last_sign_in_and_sessions(people, browser):
    second_factor.begin(people.actor, "leila")
    for seconds in (60, 120):
        at = people.service.now() - seconds
        transact(
            people.service.installation.engine,
            lambda connection, at=at: sessions.begin(connection, "omid", "192.0.2.7", at),
        )
    page = browser.get("/admin/operators").text
    assert row(page, "leila") == "leila look on – 0"
    assert row(page, "omid").startswith("omid operate off") and row(page, "omid").endswith("minutes ago 2")
    assert row(page, "nora").endswith("ago 1")
    assert browser.get("/admin/operator/omid").text.count("192.0.2.7") == 2


def test_an_operator_is_added_and_signs_in_with_the_password_shown_once(people, browser):
    answer = people.post(browser, "/admin/operators/add", user="sara@example.com", role="operate")
    assert answer.status_code == 200
    status, _browser = people.try_in("sara@example.com", _ONCE.search(answer.text).group(1))
    assert status == 303 and people.roles()["sara@example.com"] == "operate"
    assert ("nora", "user add", "sara@example.com operate") in actions(people)


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"user": "omid", "role": "look"}, 409, "That name is already in use"),
        ({"user": "no spaces", "role": "look"}, 422, "Names are letters"),
        ({"user": "sara", "role": "everything"}, 422, "Names are letters"),
        ({"user": "", "role": "look"}, 422, "Names are letters"),
        # Not somebody whose name is its beginning
        ({"user": "x" * 65, "role": "look"}, 422, "Names are letters"),
    ],
)
def test_a_form_that_is_wrong_comes_back_with_the_reason(people, browser, form, status, words):
    answer = people.post(browser, "/admin/operators/add", **form)
    assert answer.status_code == status and words in answer.text
    assert set(people.roles()) == {"nora", "omid", "leila"}


def test_a_role_is_changed_after_a_confirmation(people, browser):
    page = browser.get("/admin/operator/leila/role?role=operate").text
    assert "Change the role of leila to: operate?" in page
    answer = people.post(browser, "/admin/operator/leila/role", role="operate")
    assert answer.location == "/admin/operator/leila" and people.roles()["leila"] == "operate"
    assert "The role of leila is now: operate." in browser.get(answer.location).text
    assert people.post(browser, "/admin/operator/leila/role", role="root").status_code == 422
    assert actions(people)[0] == ("nora", "user role", "leila operate")


def test_a_lost_phone_is_helped(people, browser):
    _secret, codes = second_factor.begin(people.actor, "omid")
    assert people.try_in("omid")[0] == 401
    # Two ways: a recovery code of one's own, or an administrator
    assert people.try_in("omid", code=codes[0])[0] == 303
    assert "Recovery codes left: 9" in browser.get("/admin/operator/omid").text
    assert people.post(browser, "/admin/operator/omid/second-factor").status_code == 303
    assert people.try_in("omid")[0] == 303
    assert ("nora", "user totp remove", "omid") in actions(people)


def test_sessions_are_ended_and_an_operator_is_removed(people, browser):
    other = people.signed_in("omid")
    assert people.post(browser, "/admin/operator/omid/sessions").status_code == 303
    assert other.get("/admin/jobs").status_code == 302 and people.get("omid").sessions == 0
    other = people.signed_in("omid")
    assert people.post(browser, "/admin/operator/omid/remove").location == "/admin/operators"
    assert other.get("/admin/jobs").status_code == 302 and people.try_in("omid")[0] == 401
    assert browser.get("/admin/operator/omid").status_code == 404
    assert [what for who, what, about in actions(people) if who == "nora" and about == "omid"] == [
        "user remove",
        "user sessions",
    ]


def test_a_new_password_is_shown_once_and_the_old_one_ends(people, browser):
    answer = people.post(browser, "/admin/operator/omid/password")
    assert people.try_in("omid")[0] == 401
    assert people.try_in("omid", _ONCE.search(answer.text).group(1))[0] == 303


def test_ones_own_second_factor_is_ended(people):
    before = people.signed_in("leila")
    _secret, codes = second_factor.begin(people.actor, "leila")
    assert before.get("/admin/account").status_code == 302
    status, browser = people.try_in("leila", code=codes[0])
    page = browser.get("/admin/account").text
    assert status == 303 and "Sees everything, changes nothing." in page
    assert "shoplaunch user totp NAME --remove" in page
    assert people.post(browser, "/admin/account/second-factor/end").location == "/admin/account"
    assert "with the password alone now" in browser.get("/admin/account").text
    assert people.try_in("leila")[0] == 303


@pytest.mark.parametrize("digits", ["۰۱۲۳۴۵۶۷۸۹", "٠١٢٣٤٥٦٧٨٩"], ids=["Persian", "Arabic"])
def test_codes_and_numbers_are_taken_in_the_digits_of_the_reader(people, browser, digits):
    def typed(text):
        return text.translate(str.maketrans("0123456789", digits))

    secret, codes = second_factor.begin(people.actor, "omid")
    code = totp.code_at(secret, int(people.service.now() // totp.STEP_SECONDS))
    assert people.try_in("omid", code=typed(code))[0] == 303
    assert people.try_in("omid", code=typed(codes[0]))[0] == 303
    assert people.post(browser, "/admin/keys/add", name="one", rate=typed("60")).status_code == 200
    assert people.service.access.key("one").rate == 60


def test_a_second_factor_that_is_not_there_is_not_taken_away(people, browser):
    paths = {"/admin/operator/omid/second-factor": "omid", "/admin/account/second-factor/end": "nora"}
    other, before = people.signed_in("omid"), actions(people)
    for path, name in paths.items():
        for ask in (browser.get, lambda path: people.post(browser, path)):
            answer = ask(path)
            assert answer.status_code == 303
            assert f"{name} has no second factor." in browser.get(answer.location).text
    assert actions(people) == before and other.get("/admin/jobs").status_code == 200


def test_a_key_is_added_with_limits_and_signs(people, browser):
    form = {"name": "shop-billing", "servers": ["web-1"], "bundles": ["boutique"], "operations": ["retry", "root"]}
    answer = people.post(browser, "/admin/keys/add", rate="60", **form)
    assert answer.status_code == 200, answer.text
    assert people.service.access.signing_secret("shop-billing").decode() == _ONCE.search(answer.text).group(1)
    key = people.service.access.key("shop-billing")
    assert (key.servers, key.bundles, key.operations, key.rate) == (("web-1",), ("boutique",), ("retry",), 60)
    page = browser.get("/admin/keys").text
    assert row(page, "shop-billing") == "shop-billing in use web-1 boutique Retry jobs 60 –"
    assert ("nora", "key add", "shop-billing") in actions(people)


def test_a_key_without_limits_is_asked_for_by_its_boxes(people, browser):
    every = dict.fromkeys(("all_servers", "all_bundles", "all_operations"), "1")
    people.post(browser, "/admin/keys/add", name="one", rate="600", **every)
    people.post(browser, "/admin/keys/add", name="none", rate="600")
    assert people.service.access.key("one") == ApiKey("one", created_at=people.service.access.key("one").created_at)
    none = people.service.access.key("none")
    assert (none.servers, none.bundles, none.operations) == ((), (), ())


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"name": "a b", "rate": "600"}, 422, "not a usable name"),
        ({"name": "a", "rate": "0"}, 422, "number from 1 to 1,000,000"),
        ({"name": "a", "rate": "6e9"}, 422, "number from 1 to 1,000,000"),
        ({"name": "a", "rate": "²"}, 422, "number from 1 to 1,000,000"),
        ({"name": "a", "rate": "600", "servers": "web-1", "all_servers": "1"}, 422, "Either all, or the chosen ones"),
        ({"name": "a", "rate": "600", "operations": "retry", "all_operations": "1"}, 422, "Either all, or the chosen"),
        ({"name": "taken", "rate": "600"}, 409, "already in use"),
        ({"name": "a", "rate": "600", "servers": "nowhere"}, 422, "No server of that name"),
        ({"name": "a", "rate": "600", "bundles": "nothing"}, 422, "undle"),
    ],
)
def test_a_key_that_cannot_be_is_not_added(people, browser, form, status, words):
    billing_keys.add(people.actor, ApiKey("taken"))
    answer = people.post(browser, "/admin/keys/add", **form)
    assert answer.status_code == status and 'role="alert"' in answer.text
    assert words in answer.text and "password has" not in answer.text
    assert [key.name for key in billing_keys.listed(people.actor)] == ["taken"]


def test_a_key_is_renewed_and_revoked_and_has_its_trail(people, browser):
    secret = billing_keys.add(people.actor, ApiKey("billing"))
    people.service.access.audit("key billing", "retry", None, "77 key_forbidden")
    people.post(browser, "/admin/key/billing/renew")
    assert people.service.access.signing_secret("billing").decode() != secret
    assert people.post(browser, "/admin/key/billing/revoke").status_code == 303
    assert people.service.access.signing_secret("billing") is None
    page = browser.get("/admin/key/billing").text
    assert "77 key_forbidden" in page and "is revoked" in page and "key adopt NEW --of billing" in page
    assert people.post(browser, "/admin/key/billing/renew").status_code == 404
    assert browser.get("/admin/key/nothing").status_code == 404


def test_the_audit_log_is_read_by_name(people, browser):
    for number in range(60):
        people.service.access.audit("key billing", "order", None, f"shop-{number}.example")
    page = browser.get("/admin/audit?user=key+billing").text
    assert "shop-59.example" in page and "Signed in" not in page
    assert "user=key+billing" in page and "Page 1 of 2" in page
    assert "shop-0.example" in browser.get("/admin/audit?user=key+billing&page=2").text
    assert "Signed in" in browser.get("/admin/audit?user=nora").text


def test_the_audit_log_calls_roles_as_the_operators_page_does_in_both_languages(people, browser):
    people.service.access.audit(COMMAND_LINE, "user role", None, "nora administer")
    people.service.access.audit(COMMAND_LINE, "order", None, "of nora administer")
    for lang, role in (("en", "administer"), ("fa", "مدیریت")):
        page = browser.get(f"/admin/audit?lang={lang}").text
        assert f"nora ({role})" in page and "of nora administer" in page


def test_the_audit_log_says_in_persian_that_somebody_used_the_command_line(people, browser):
    people.service.access.audit(COMMAND_LINE, "order", None, "shop.example")
    page = browser.get("/admin/audit?lang=fa").text
    assert "خط فرمان" in page and COMMAND_LINE not in page


def test_only_who_may_administer_is_shown_the_way(people, browser):
    assert 'href="/admin/keys"' in browser.get("/admin/jobs").text
    for user in ("omid", "leila"):
        page = people.signed_in(user).get("/admin/jobs").text
        assert 'href="/admin/keys"' not in page and 'href="/admin/account"' in page


PATHS = (
    "/admin/operators", "/admin/operators/add", "/admin/operator/omid", "/admin/operator/omid/role?role=look",
    "/admin/operator/omid/remove", "/admin/operator/omid/password", "/admin/keys", "/admin/keys/add",
    "/admin/key/billing", "/admin/key/billing/revoke", "/admin/account", "/admin/account/second-factor",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_every_page_is_in_persian_too(people, browser, path):
    billing_keys.add(people.actor, ApiKey("billing"))
    page = browser.get(f"{path}{'&' if '?' in path else '?'}lang=fa")
    assert page.status_code == 200 and 'dir="rtl"' in page.text
    words = re.sub(
        r"<(bdi|code|script|svg|a [^>]*hreflang)[^>]*>.*?</(bdi|code|script|svg|a)>", "", page.text, flags=re.S
    )
    left = re.findall(r"[A-Za-z]{3,}", re.sub(r"<[^>]*>", " ", words))
    assert set(left) <= {"Shoplaunch", "billing", "omid", "nora"}, left
