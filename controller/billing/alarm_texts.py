"""Texts for the operator: alarms by mail, and notes to staff in tickets. The English ones name steps and states as
commands do."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import NamedTuple

from controller.billing.base import DONE_AGAIN, FAILING, MANY_REFUSED, NOT_DONE, REFUSED, STOPPED, Alarm
from controller.billing.texts import filled
from controller.wording.direction import RIGHT_TO_LEFT_MARK, isolated, with_commands
from controller.wording.error_messages import in_language
from controller.wording.labels import label
from shared.errors import advice, is_known, title

#: How an alarm ends, unless there is more to do.
_WHAT_TO_DO = {
    "en": """\
$code: $message

What to do: $advice

$admin_url
""",
    "fa": """\
$title
$message

چه باید کرد: $advice

کد: $code
$admin_url
""",
}
#: Of a job.
_JOB = {
    "en": """\
The shop $domain on $server needs your attention: it is $state at step "$step".

"""
    + _WHAT_TO_DO["en"],
    "fa": """\
فروشگاه $domain روی سرور $server به رسیدگی شما نیاز دارد. وضعیت: $state، در گام «$step».

"""
    + _WHAT_TO_DO["fa"],
}
_ORDER = {
    "en": """\
An order for $domain was refused: no shop is being made of it.

$code: $message

What to do: $advice

Then send it again: $admin_url
""",
    "fa": """\
سفارشی برای $domain رد شد: از آن فروشگاهی ساخته نمی‌شود.

$title
$message

چه باید کرد: $advice

کد: $code
سپس آن را دوباره بفرستید:
$admin_url
""",
}
_ORDERS = {
    "en": """\
$domain orders were refused: no shops are being made of them. By their reasons:

$reasons
Then send them again: $admin_url
""",
    "fa": """\
$domain سفارش رد شد: از آن‌ها فروشگاهی ساخته نمی‌شود. به تفکیک دلیل:

$reasons
سپس آن‌ها را دوباره بفرستید:
$admin_url
""",
}
_LINE_CHARS = 78
#: One reason of many refused orders.
_REASON = {
    "en": """\
$code: $title
Orders: $numbers
What to do: $advice

""",
    "fa": """\
$title
سفارش‌ها: $numbers
چه باید کرد: $advice
کد: $code

""",
}
_SERVER = {
    "en": """\
The server $server does not answer: its jobs wait, and go on by themselves once it does. They fail after a day.

"""
    + _WHAT_TO_DO["en"],
    "fa": """\
سرور $server پاسخ نمی‌دهد: کارهایش منتظر می‌مانند و همین که پاسخ دهد خودکار ادامه می‌یابند. پس از یک روز ناموفق می‌شوند.

"""
    + _WHAT_TO_DO["fa"],
}
_AGENT = {
    "en": """\
The roll-out of an agent in channel $server has stopped: all its servers' jobs get the agent from before.

"""
    + _WHAT_TO_DO["en"],
    "fa": """\
عرضهٔ عامل تازه در کانال $server متوقف شد: کارهای همهٔ سرورهایش عامل پیشین را می‌گیرند.

"""
    + _WHAT_TO_DO["fa"],
}
_DUTY = {
    "en": """\
What Shoplaunch does by itself is not done: $domain.

$code: $message

What to do: $advice

You hear of it again after a day, and once it is done. `shoplaunch doctor` shows it meanwhile.
""",
    "fa": """\
آنچه Shoplaunch خودبه‌خود انجام می‌دهد انجام نشده است: $domain

$title
$message

چه باید کرد: $advice

کد: $code
پس از یک روز دوباره خبر می‌گیرید، و نیز همین که انجام شود.
""",
}
_DUTY_DONE = {
    "en": """\
What had failed is done again: $domain. There is nothing to do.

It was: $code: $message
""",
    "fa": """\
آنچه ناموفق بود دوباره انجام می‌شود: $domain
کاری لازم نیست.

پیش از این: $title
$message

کد: $code
""",
}
_SUBJECT = {"en": "Shoplaunch: $domain is $state ($code)", "fa": "هشدار Shoplaunch: $domain – $state ($code)"}
_ORDERS_SUBJECT = {"en": "Shoplaunch: $domain orders refused", "fa": "هشدار Shoplaunch: $domain سفارش رد شد"}


class _Kind(NamedTuple):
    """What an alarm that is of no job says; `state` is its state in languages other than English."""

    text: Mapping[str, str]
    state: Mapping[str, str]
    subject: Mapping[str, str] = _SUBJECT


#: An alarm's state -> its kind. The states of jobs have their labels in the catalogue.
_KINDS = {
    REFUSED: _Kind(_ORDER, {"fa": "سفارش رد شد"}),
    MANY_REFUSED: _Kind(_ORDERS, {"fa": "سفارش‌ها رد شد"}, _ORDERS_SUBJECT),
    FAILING: _Kind(_SERVER, {"fa": "پاسخ نمی‌دهد"}),
    STOPPED: _Kind(_AGENT, {"fa": "عرضه متوقف شد"}),
    NOT_DONE: _Kind(_DUTY, {"fa": "انجام نشده است"}),
    DONE_AGAIN: _Kind(_DUTY_DONE, {"fa": "دوباره انجام می‌شود"}),
}
#: For staff only.
_NOTE = {
    "en": """\
Shoplaunch: the shop $domain on $server is $state at step "$step".

$code: $message
What to do: $advice
$admin_url
Reference: $reference
""",
    "fa": """\
از Shoplaunch: فروشگاه $domain روی سرور $server. وضعیت: $state، در گام «$step».

$title
$message
چه باید کرد: $advice
کد: $code
$admin_url
شمارهٔ پیگیری: $reference
""",
}


def subject(news: Alarm) -> str:
    """Return the subject of the operator's mail."""
    kind = _KINDS.get(news.state)
    return filled(kind.subject if kind else _SUBJECT, news.language, _values(news))


def text(news: Alarm) -> str:
    """Return the operator's mail."""
    kind = _KINDS.get(news.state)
    return filled(kind.text if kind else _JOB, news.language, _values(news))


def note(news: Alarm, reference: str) -> str:
    """Return the note to staff; by `reference` it is found again."""
    return filled(_NOTE, news.language, {**_values(news), "reference": isolated(reference, news.language)})


def _values(news: Alarm) -> dict[str, str]:
    language = news.language
    names = {name: isolated(getattr(news, name), language) for name in ("domain", "server", "code")}
    return {
        **names,
        "state": _state(news),
        "step": _step(news),
        "title": title(news.code, language) if is_known(news.code) else "",
        "message": _message(news),
        "advice": with_commands(_advice(news), language),
        # On a line of its own and unmarked: what makes links of addresses takes marks for part of them
        "admin_url": news.admin_url,
        "reasons": "".join(_reason(code, numbers, language) for code, numbers in news.reasons),
    }


def _reason(code: str, numbers: tuple[int, ...], language: str) -> str:
    known = is_known(code)
    values = {
        "code": isolated(code, language),
        "title": title(code, language) if known else "-",
        # Mail servers refuse longer lines
        "numbers": "\n".join(isolated(line, language) for line in wrap(", ".join(map(str, numbers)), _LINE_CHARS)),
        "advice": with_commands(advice(code, language) if known else "-", language),
    }
    return filled(_REASON, language, values)


def _message(news: Alarm) -> str:
    known = in_language(news.message, news.language)
    # It may begin with a name: programs that know no isolates take a line's direction from its first letter
    return f"{RIGHT_TO_LEFT_MARK}{known}" if known else isolated(news.message, news.language)


def _advice(news: Alarm) -> str:
    # What is stored with an error is English
    return news.advice if news.language == "en" or not is_known(news.code) else advice(news.code, news.language)


def _state(news: Alarm) -> str:
    if news.language == "en":
        return news.state
    kind = _KINDS.get(news.state)
    return kind.state.get(news.language, news.state) if kind else label(news.state.capitalize(), news.language)


def _step(news: Alarm) -> str:
    if news.language == "en" or not news.step:
        return news.step or "-"
    return label(news.step_label, news.language) or isolated(news.step, news.language)
