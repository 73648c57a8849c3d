"""An order's fields: what is taken, in which form, and what is refused with which code."""

import pytest

from controller.db.bundles import Bundle
from controller.jobs.intake.orders import check_domain, check_email, checked, variant_of
from shared.errors import ShoplaunchError
from shared.schema import load_schema
from tests.support.error_codes import error_code

ORDER = {
    "server": "web1",
    "bundle": "classic",
    "domain": "shop.example.com",
    "email": "a@example.com",
    "account": "alice",
}


def bundle(*variants):
    listed = [{"name": name, "title": title} for name, title in variants]
    return Bundle("classic", "0" * 64, 1, "0" * 64, "prestashop", "8.2.1", 1.0, listed)


SIXTEEN = [(f"look{number:02}", f"Look & feel {number}") for number in range(16)]


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("look07", "look07"),
        ("LOOK07", "look07"),
        ("Look & feel 7", "look07"),
        ("  look  &  FEEL 15 ", "look15"),
        # Billing keeps texts as HTML
        ("Look &amp; feel 3", "look03"),
    ],
)
def test_a_variant_is_ordered_by_its_name_or_title(wanted, name):
    assert variant_of(bundle(*SIXTEEN), wanted) == name


@pytest.mark.parametrize("wanted", ["Tea &amp; cups", "tea &amp;  CUPS", "Tea &amp;amp; cups"])
def test_a_title_that_is_itself_written_as_html_can_be_ordered(wanted):
    assert variant_of(bundle(("tea", "Tea &amp; cups"), ("coffee", "Coffee")), wanted) == "tea"


@pytest.mark.parametrize("wanted", ["look16", "look", "Look & feel", " ", "<b>"])
def test_a_variant_the_bundle_does_not_have_is_refused_with_those_it_has(wanted):
    with pytest.raises(ShoplaunchError) as caught:
        variant_of(bundle(*SIXTEEN), wanted)
    assert caught.value.code == "order_invalid"
    assert all(f"{name} ({title})" in caught.value.message for name, title in SIXTEEN)


def test_a_bundle_without_variants_says_so():
    with pytest.raises(ShoplaunchError, match="it has: none"):
        variant_of(bundle(), "fashion")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("shop.example.com", "shop.example.com"),
        ("Shop.Example.COM.", "shop.example.com"),
        (" shop.example.com ", "shop.example.com"),
        ("فروشگاه.example.com", "xn--mgbtj4c7ad63e.example.com"),
        ("نامه‌ای.example", "xn--mgba3gch31f060k.example"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("demo1.localhost", "demo1.localhost"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("1.example", "1.example"),
    ],
)
def test_a_domain_is_taken_in_its_ascii_form(given, taken):
    assert check_domain(given) == taken


@pytest.mark.parametrize(
    "domain",
    [
        "localhost", "shop", "", ".", "..", "a..example", ".example.com", "-shop.example", "shop-.example",
        "shop_1.example", "shop.example.com:8080", "http://shop.example.com", "shop.example.com/path",
        "shop example.com",
        "192.0.2.1", "[::1]", "2001:db8::1", "a" * 64 + ".example", ".".join(["abcdefghi"] * 26), "shop.example\n",
        "sh\0p.example", "*.example.com", "xn--a.example", "xn--.example", "shop.123", "shop@example.com",
        "\u202eshop.example",
        "$(id).example", "shop.example;id",
    ],
)  # fmt: skip
def test_what_is_no_host_name_is_refused(domain):
    if domain.strip() != domain and domain.strip():
        assert check_domain(domain) == domain.strip()
    else:
        assert error_code(check_domain, domain) == "domain_invalid"


@pytest.mark.parametrize(
    "email", ["a@example.com", "first.last+tag@sub.example.co", "o'neil@example.com", " a@b.example "]
)
def test_an_email_address_is_taken(email):
    assert check_email(email) == email.strip()


@pytest.mark.parametrize(
    "email",
    [
        "", "@", "a@", "@example.com", "a@b@c.example", "a b@example.com", "a@exa mple.com", "a@example..com",
        ".a@example.com", "a.@example.com", "a..b@example.com", "a@-example.com", "a@example.com\nBcc: x@y.example",
        "a\r\n@example.com", "<a@example.com>", "a,b@example.com", "a" * 65 + "@example.com", "a@" + "b" * 254,
        "ü@example.com",
    ],
)  # fmt: skip
def test_what_is_no_email_address_is_refused(email):
    assert error_code(check_email, email) == "email_invalid"


@pytest.mark.parametrize(
    "account", ["Alice", "1alice", "al ice", "a" * 32, "root;id", "../x", "al-ice", "ali\n", "آلیس", ""]
)
def test_an_account_name_that_is_none_is_refused(account):
    order = {**ORDER, "account": account}
    assert error_code(checked, order) == "account_invalid"


def test_an_order_without_account_names_one_only_when_it_may_be_created():
    order = {key: value for key, value in ORDER.items() if key != "account"}
    assert error_code(checked, order) == "order_invalid"
    made = checked({**order, "create_account": True})["account"]
    assert made == checked({**order, "create_account": True})["account"]
    assert made != checked({**order, "create_account": True, "domain": "shop.example.org"})["account"]


def test_an_account_is_made_up_even_for_a_domain_that_begins_with_a_digit():
    order = {**ORDER, "account": None, "create_account": True, "domain": "24-7.example"}
    assert checked(order)["account"][0].isalpha()


@pytest.mark.parametrize("name", ["shop_name", "first_name", "last_name"])
@pytest.mark.parametrize("text", ['O\'Neil & "Söhne" <Co>', "فروشگاه من", "فروشگاه‌های ایران", "宅配", "100% \\ real"])
def test_names_in_any_language_are_taken_as_they_are(name, text):
    assert checked({**ORDER, name: text})[name] == text


@pytest.mark.parametrize("text", ["a\0b", "a\x1bb", "a\u202eb", "a\ufeffb", "\ud800"])
def test_names_that_cannot_be_shown_are_refused(text):
    assert error_code(checked, {**ORDER, "shop_name": text}) == "order_invalid"


@pytest.mark.parametrize("option", [{"time_zone": "Asia/Tehran"}, {"currency": "IRR"}, {"occupied": "move"}])
def test_an_option_is_kept_as_it_was_given(option):
    assert checked({**ORDER, "options": option})["options"] == option


def test_a_name_over_two_lines_becomes_one():
    assert checked({**ORDER, "shop_name": " My\n\tShop "})["shop_name"] == "My Shop"


@pytest.mark.parametrize("field", load_schema("order")["required"])
def test_an_order_that_lacks_a_field_names_it(field):
    with pytest.raises(ShoplaunchError) as caught:
        checked({key: value for key, value in ORDER.items() if key != field})
    assert caught.value.code == "order_invalid"
    assert field in caught.value.message


@pytest.mark.parametrize(
    "more",
    [
        {"surprise": 1},
        {"domain": 5},
        {"domain": None},
        {"options": {"occupied": "delete"}},
        {"options": {"colour": "red"}},
        {"options": {"time_zone": "Mars/Olympus"}},
        {"options": {"currency": "euro"}},
        {"options": "move"},
        {"language": "English"},
        {"country": "Iran"},
        {"service_id": "a b"},
        {"server": "../x"},
        {"bundle": ""},
        {"shop_name": "x" * 129},
    ],
)
def test_a_wrong_field_is_refused(more):
    assert error_code(checked, {**ORDER, **more}) == "order_invalid"


def test_the_same_order_in_other_clothes_is_the_same_order():
    plain = checked(ORDER)
    dressed = {
        **ORDER,
        "domain": "SHOP.example.com.",
        "email": " a@example.com",
        "shop_name": "",
        "options": {},
        "event": "ordered",
    }
    assert checked(dressed) == plain
