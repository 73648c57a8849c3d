"""What is somebody's secret is judged by what a value is; a name alone makes none."""

import base64
import json

import pytest

from controller.recipes.prestashop.database.settings import template_of
from controller.recipes.secrets import parts
from controller.recipes.secrets.known import NEAR_ITS_USER, KnownSecrets
from controller.recipes.secrets.values import NONE, PROVEN, SUSPECTED, is_doubtful, is_weak, judge
from controller.recipes.wordpress.database import options
from tests.unit.bundles.rewrite.helpers import serialize

NONCE = "1a2b3c4d"
HEX = b"9f3c7a1be04d5862a7c91d3e5f608b24"

HARMLESS = [
    # what people read about passwords
    ("x_registration_label_lost_your_password", b"Lost your password?"),
    ("X_FORM_PASSWORD", b"Mot de passe oubli\xc3\xa9 ?"),
    ("x_label_password", "گذرواژه".encode()),
    ("placeholder_password", b"Kennwort"),
    ("x_error_text_api_key", b"Missing!"),
    ("x_login", "Забыли пароль?".encode()),
    # addresses
    ("acf_pro_view_licenses_url", b"https://www.vendor.example/my-account/view-licenses/"),
    ("TOKEN_ENDPOINT_ADDRESS", b"https://login.vendor.example/oauth/token?version=2&lang=en"),
    ("X_WEBHOOK", b"//cdn.vendor.example/hooks/orders.js"),
    ("LICENSE_SERVER", b"licenses.vendor.example"),
    ("LICENSE_SERVER", b"licenses.vendor.example:8443/check"),
    ("X_SECRET_CONTACT", b"boss@vendor.example"),
    ("X_TOKEN_ADDRESS", b"mailto:boss@vendor.example"),
    # nothing at all
    *((f"x_license_{at}", value) for at, value in enumerate(
        [b"", b"a:0:{}", b"[]", b"{}", b"null", b"N;", b"b:0;", b"[ ]", b'""', b's:0:"";', b"   "])),
    # signs in the place of a secret
    *((f"x_license_key_{at}", value) for at, value in enumerate(
        [b"*********", "••••••••••••".encode(), b"................", b"xxxxxxxxxxxxxxxxxxxxxxxx",
         b"XXXX-XXXX-XXXX-XXXX", b"**** **** **** ****"])),
    ("X_PASSWORD", b"**********"),
    ("X_DATABASE", b"mysql://shop:******@db.vendor.example/shop"),
    # paths, numbers, dates, versions, switches
    ("X_PRIVATE_KEY_PATH", b"/etc/ssl/private/shop.pem"),
    ("X_PRIVATE_KEY", b"modules/paying/keys/private.pem"),
    ("X_PRIVATE_KEY", b"C:\\keys\\private.pem"),
    ("X_PRIVATE_KEY", b"../keys/paying_live.key"),
    ("PAYING_MERCHANT_ID", b"123456789"),
    ("X_TOKEN_LIFETIME", b"86400"),
    ("X_TOKEN", b"3600.5"),
    ("X_SECRET", b"-42"),
    ("X_LICENSE_SINCE", b"2024-03-01 10:20:30"),
    ("X_LICENSE", b"2024-03-01T10:20:30+02:00"),
    ("X_LICENSE", b"31.12.2025"),
    ("X_LICENSE", b"v1.12.3"),
    ("X_LICENSE", b"8.0.0-beta.2"),
    *((f"x_token_{at}", value) for at, value in enumerate(
        [b"0", b"1", b"true", b"false", b"on", b"off", b"yes", b"no", b"Yes", b"enabled", b"disabled"])),
    ("PALABRA_CLAVE", b"zapatos de piel"),
    ("X_SENHA_LABEL", b"Senha"),
    # names of things under a name that may mean a key
    *(("key", value) for value in [b"free-welcome60-d1-v2", b"square-footage-calculator", b"lead-generation-form:v2"]),
    ("key", b"performanceimprovementplan"),
    # words
    ("X_TOKEN_NAME", b"my_module_token_name"),
    ("X_TOKEN", b"my_module_token_name"),
    ("X_LICENSE_TYPE", b"standard"),
    ("X_LICENSE", b"standard"),
    ("X_LICENSE", b"GPL-3.0"),
    ("X_API_KEY_SOURCE", b"ps_emailsubscription"),
    ("X_SECRET_CLASS", b"Vendor\\Paying\\SecretProvider"),
    ("X_SECRET", b"SecretProviderFactory"),
    ("X_TOKEN", b"btn btn-primary col-md-6"),
    ("X_TOKEN", b"fa-IR"),
    ("X_TOKEN", b"pt_BR"),
    ("X_TOKEN", b"sha256"),
    ("X_TOKEN", b"utf8mb4_unicode_ci"),
    ("X_TOKEN_COLOR", b"#ff00aa"),
    ("X_TOKEN", b"rgba(10, 20, 30, 0.5)"),
    ("X_TOKEN", "جملهٔ رمز".encode()),
    # texts
    ("X_LICENSE", b"<p>All rights reserved, see <a href='/terms'>our terms</a>.</p>"),
    ("X_LICENSE_NOTE", b"You may use it as often as you like in your own shop"),
    ("X_LICENSE", b"You may use it as often as you like in your own shop"),
    # public halves, lists, what is done about passwords
    ("RECAPTCHA_SITE_KEY", b"6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI"),
    ("cf_turnstile_site_key", b"0x4AAAAAAADnPIDROrmt1Wwj"),
    ("STRIPE_PUBLISHABLE_KEY", b"pk_live_51H8abcDEF234ghiJKL567"),
    ("X_TOKEN", b"12,15,18,22"),
    ("X_TOKEN", b"12;15;18"),
    ("X_TOKEN", b"left,right,center"),
    ("woocommerce_myaccount_lost_password_endpoint", b"lost-password"),
    ("show_password", b"whatever-1"),
    ("X_PASSWORD_MIN_LENGTH", b"8"),
    ("X_PASSWORD", b"1"),
    ("X_PASSWORD", b"password"),
    ("X_PASSWORD", b"Admin123"),
    ("blogdescription", b"9f3c7a1be04d5862a7c91d3e5f608b24"),
    ("sort_key", b"field_5f3ab12cd34ef"),
]  # fmt: skip
SECRETS = [
    # by form, whatever the name
    ("ANYTHING", b"-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----", PROVEN),
    ("ANYTHING", b"sk_live_" + b"51H8abcDEF234ghiJKL567", PROVEN),
    ("ANYTHING", b"AKIA" + b"2E0A8F3B244C9986", PROVEN),
    ("ANYTHING", b"ghp_" + b"16C7e42F292c6912E7710c838347Ae178B4a", PROVEN),
    ("ANYTHING", b"xoxb-" + b"123456789012-abcdefABCDEF", PROVEN),
    ("ANYTHING", b"whsec_" + b"0123456789abcdefABCDEF", PROVEN),
    ("ANYTHING", b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", PROVEN),
    ("ANYTHING", b"$2y$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", PROVEN),
    ("ANYTHING", b"$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub", PROVEN),
    ("ANYTHING", b"mysql://shop:pears@db.example/shop", PROVEN),
    ("ANYTHING", b"smtp://boss%40a.example:geheim@mail.example:587", PROVEN),
    # by name and form
    ("X_PASSWORD", b"pears", SUSPECTED),
    ("smtp_pass", b"abcd efgh ijkl mnop", SUSPECTED),
    ("MAIL_PWD", b"Zx9!", SUSPECTED),
    ("x_error_reports_password", b"pears7", SUSPECTED),
    ("X_PASSWORD", b"my password 17", SUSPECTED),
    ("X_PASSWORD", b"the pears of home", SUSPECTED),
    ("x_text_messages_password", b"gT!wLq", SUSPECTED),
    ("X_SMTP_CREDENTIALS", b"user=shop password=GeHeimXyz", SUSPECTED),
    ("X_PASSWORD", b"password: GeHeimXyz", SUSPECTED),
    ("X_API_TOKEN", b"hGtRw#Lq passwd_Foo", SUSPECTED),
    ("message_api_token", b"hGtRwLqPzXcVbNm", SUSPECTED),
    ("text_magic_password", b"sunflower", SUSPECTED),
    ("ftpPassword", b"123456", SUSPECTED),
    ("X_PASSWORD", b"5f4dcc3b5aa765d61d8327deb882cf99", SUSPECTED),
    ("X_API_KEY", HEX, SUSPECTED),
    ("wordpress_api_key", b"0f1e2d3c4b5a", SUSPECTED),
    ("x_license_key", b"ACME-77Q2-XK41-09TB", SUSPECTED),
    ("ACME_LICENSE_KEY", b"LIC-7781-TEMPLATE-KEY", SUSPECTED),
    ("x_license", b"6f1c9a52-0d3b-4c7e-9a1f-2b7d8e4c5f60", SUSPECTED),
    ("X_SECRET", base64.b64encode(bytes(range(100, 124))), SUSPECTED),
    ("recaptcha_secret_key", b"6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe", SUSPECTED),
    ("X_CLIENT_ID", b"AZDxjDScFpQtjWTOUtWKbyN_bDt4OgqaF4eYXlewfBP4", SUSPECTED),
    ("X_TOKEN", b"Qm7Zt2Lw9Rk4", SUSPECTED),
    ("X_LIVE_KEY", HEX, SUSPECTED),
    ("key", b"qkzvbxwjhrtgplmnsdfc", SUSPECTED),
    ("X_LICENSE_URL", b"https://vendor.example/check?key=9f3c7a1be04d5862", SUSPECTED),
    ("X_WEBHOOK_URL", b"https://hooks.vendor.example/services/T00/B00/9f3c7a1be04d5862a7c91d3e", SUSPECTED),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), HARMLESS)
def test_what_shows_what_it_is_is_nobodys_secret_whatever_its_name(name, value):
    assert judge(name, value) == NONE
    assert template_of(name, value, NONCE) is value
    assert options.template_of(name, value, NONCE) is value


@pytest.mark.parametrize(("name", "value", "verdict"), SECRETS)
def test_what_can_only_be_a_secret_is_one(name, value, verdict):
    assert judge(name, value) == verdict
    assert template_of(name, value, NONCE) == options.template_of(name, value, NONCE) == b""


WITH_SECRET = {
    b"title": b"Cards", b"enabled": b"yes", b"api_secret": HEX, b"url": b"https://pay.example/",
    b"tokens": {0: HEX[::-1]}, b"live": {b"client_id": HEX[2:] + b"zq"},
    b"api_credentials": {b"live": HEX[4:] + b"zqw"},
}  # fmt: skip
WITHOUT_SECRET = {
    b"title": b"Cards", b"enabled": b"yes", b"api_secret": b"", b"url": b"https://pay.example/", b"tokens": {0: b""},
    b"live": {b"client_id": b""}, b"api_credentials": {b"live": b""},
}  # fmt: skip


def as_json(value):
    def text(one):
        return {str(k, "ascii") if isinstance(k, bytes) else str(k): text(v) for k, v in one.items()} if isinstance(
            one, dict) else one.decode()  # fmt: skip

    return json.dumps(text(value)).replace("/", "\\/").encode()


@pytest.mark.parametrize(
    "wrapped",
    [
        serialize,
        as_json,
        lambda value: base64.b64encode(serialize(value)),
        lambda value: serialize({b"inside": serialize(value)}),
        lambda value: serialize({b"inside": as_json(value)}),
        lambda value: serialize({b"inside": base64.b64encode(as_json(value))}),
        lambda value: as_json({b"inside": as_json(value)}),
    ],
    ids=["serialized", "json", "base64", "serialized twice", "json in serialized", "all three", "json in json"],
)
def test_a_structure_loses_its_secrets_and_nothing_else(wrapped):
    value = wrapped(WITH_SECRET)
    left, held = parts.taken_out("woocommerce_paying_settings", value)
    assert left == wrapped(WITHOUT_SECRET)
    assert [one.value for one in held] == [HEX, HEX[::-1], HEX[2:] + b"zq", HEX[4:] + b"zqw"]
    assert not any(one.proven for one in held)
    assert template_of("PAYING_SETTINGS", value, NONCE) == options.template_of("x_settings", value, NONCE) == left


@pytest.mark.parametrize("value", [b"a@b.example" + b",x,y,z@q" * 60 + b" !", b"a@b.example" + b",;" * 60 + b"!"])
def test_a_long_list_of_addresses_is_judged_in_one_go(value):
    assert judge("X_TOKENS", value) == SUSPECTED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDSYS_CLAVE256", b"sq7HjrUOBfKmC576ILgskD5srU870gJ7"),
        ("X_KLUCZ", HEX),
        ("X_HMAC", HEX),
        ("SMTP_HASLO", b"kot7"),
        ("X_SENHA", b"kot7"),
    ],
)
def test_other_languages_words_for_keys_and_passwords_are_known(name, value):
    assert judge(name, value) == SUSPECTED


def test_a_structure_without_a_secret_stays_the_same_object():
    value = serialize(WITHOUT_SECRET)
    assert parts.taken_out("x_licenses", value)[0] is value


def test_a_licence_in_base64_goes_as_a_whole_and_what_is_in_it_is_searched_for_too():
    value = base64.b64encode(serialize({b"key": HEX + HEX, b"url": b"https://a.example"}))
    left, held = parts.taken_out("acf_pro_license", value)
    assert left == b""
    assert [one.value for one in held] == [HEX + HEX, value]


def test_pairs_of_name_and_value_name_one_another():
    value = as_json({b"name": b"api_key", b"value": HEX})
    assert parts.taken_out("x", value)[0] == as_json({b"name": b"api_key", b"value": b""})


def test_a_word_under_a_secrets_name_is_kept_and_reported():
    assert is_doubtful("PAYING_API_KEY", b"apples")
    assert is_doubtful("PAYING_MERCHANT_ID", b"123456789")
    assert not is_doubtful("PAYING_TOKEN_USED", b"1")
    assert not is_doubtful("PAYING_LICENSE_URL", b"https://a.example/")


@pytest.mark.parametrize(
    "value",
    [b"prestashop", b"root", b"admin", b"1234", b"password", b"P@ssw0rd", b"Prestashop2024!", b"wordpress_db",
     b"123456", b"pears", b"welcome", b"**********"],
)  # fmt: skip
def test_a_password_that_is_a_word_is_searched_for_only_next_to_its_user(value):
    known = KnownSecrets()
    known.add("database_password", value)
    assert is_weak(value) and known.searched() == {}
    assert known.unsearched("database_password") == {"secret database_password": NEAR_ITS_USER}


@pytest.mark.parametrize("value", [HEX, b"template's pass)word", b"Zx9!kk2_aaQ", b"correct-horse-battery-staple"])
def test_any_other_is_looked_for_everywhere(value):
    assert not is_weak(value)


def test_secrets_that_only_their_name_makes_are_marked_as_suspected():
    known = KnownSecrets()
    known.add("cookie_key", HEX)
    known.add_held("X_API_KEY", parts.secrets_in("X_API_KEY", HEX[::-1]))
    known.add_held("X_API_KEY", parts.secrets_in("X_API_KEY", HEX[2:]))
    assert set(known.searched()) == {"cookie_key", "X_API_KEY", "X_API_KEY (2)"}
    assert known.suspected() == {"X_API_KEY", "X_API_KEY (2)"}
