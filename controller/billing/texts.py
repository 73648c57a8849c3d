"""Texts of mails and tickets for clients, in every language; names, numbers and times as each is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from string import Template

from controller.jalali import MONTHS, to_jalali
from controller.product_kind import word
from controller.wording.languages import has_persian_calendar, number, of_billing_name, supported

#: The months of the calendar that the language has.
_MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
    "fa": MONTHS,
}  # fmt: skip
_MOMENT = {"en": "$day $month $year, $time UTC", "fa": "$day $month $year، $time (UTC)"}

SUBJECT = {
    "en": "Your $noun $domain is being built ($reference)",
    "fa": "$noun $domain در حال ساخت است ($reference)",
}
OPENED = {
    "en": """\
Hello $first_name,

we have received your order and are building your $noun $domain now.
You need not do anything: we write here as soon as it is ready.

How far it is: $status_url
""",
    "fa": """\
سلام $first_name،

سفارش شما را دریافت کردیم و $noun $domain را همین حالا می‌سازیم. لازم نیست کاری کنید؛ به محض آماده شدن همین‌جا می‌نویسیم.

پیشرفت کار: $status_url
""",
}
READY = {
    "en": """\
Hello $first_name,

your $noun is ready. Everything was installed and tested on $ready_at.

$Noun: $shop_url
Back office: $admin_url
Login: $login
$password_line$name_servers_line
Reference: $reference
""",
    "fa": """\
سلام $first_name،

$noun شما آماده است. همه چیز در $ready_at نصب و آزمایش شد.

$Noun: $shop_url
بخش مدیریت: $admin_url
نام کاربری: $login
$password_line$name_servers_line
شمارهٔ پیگیری: $reference
""",
}
PASSWORD_LINES = {
    "link": {
        "en": "Password (shown once, within $days days): $password_link\n",
        "fa": "گذرواژه (فقط یک بار و تا $days روز نشان داده می‌شود): $password_link\n",
    },
    "set": {
        "en": "Choose your password (within $days days): $password_link\n",
        "fa": "گذرواژهٔ خود را انتخاب کنید (تا $days روز): $password_link\n",
    },
    "used": {"en": "", "fa": ""},
    "mail": {"en": "You get the password by e-mail.\n", "fa": "گذرواژه را با ایمیل می‌گیرید.\n"},
}
NAME_SERVERS = {
    "en": "\nSet these name servers for your domain, so that visitors find it: $name_servers\n",
    "fa": "\nبرای اینکه بازدیدکنندگان $noun را پیدا کنند، این نام‌سرورها را برای دامنه تنظیم کنید: $name_servers\n",
}
#: The mail with the password, where no billing system sends one.
MAIL_SUBJECT = {
    "en": "Your $noun $domain is ready",
    "fa": "$noun $domain آماده است",
}
MAIL = {
    "en": """\
Hello $first_name,

your $noun is ready. Everything was installed and tested.

$Noun: $shop_url
Back office: $admin_url

Login: $login
Password: $password
$name_servers_line
Please keep this message safe, or change the password after your first login.
""",
    "fa": """\
سلام $first_name،

$noun شما آماده است. همه چیز نصب و آزمایش شده است.

$Noun: $shop_url
بخش مدیریت: $admin_url

نام کاربری: $login
گذرواژه / Password: $password
$name_servers_line
لطفاً این پیام را در جای امنی نگه دارید یا پس از نخستین ورود گذرواژه را عوض کنید.
""",
}


def client_language(billing_language: str, ordered: str) -> str:
    """Return the language to write in: the client's own in WHMCS when it is supported, else the order's."""
    return of_billing_name(billing_language) or supported(ordered)


def named(noun: str, language: str) -> dict[str, str]:
    """Return the values for `noun` (controller.product_kind) inside a sentence and at the start of one."""
    found = word(noun, language)
    return {"noun": found, "Noun": found.capitalize()}


def filled(texts: Mapping[str, str] | str, language: str, values: Mapping[str, str]) -> str:
    """Return the text in `language` with `values` filled in; a single pass, values stay text."""
    text = texts if isinstance(texts, str) else texts.get(language, texts["en"])
    return Template(text).substitute(values)


def moment(seconds: float, language: str) -> str:
    """Return a date with time (UTC) as `language` writes it, in its own calendar and digits."""
    at = datetime.fromtimestamp(seconds, UTC)
    year, month, day = to_jalali(at.date()) if has_persian_calendar(language) else (at.year, at.month, at.day)
    months = _MONTHS.get(language, _MONTHS["en"])
    values = {"day": str(day), "month": months[month - 1], "year": str(year), "time": f"{at:%H:%M}"}
    return number(filled(_MOMENT, language, values), language)
