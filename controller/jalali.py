"""Converts Gregorian dates to the Persian (Jalali) calendar; pure arithmetic, valid for 1925-2087."""

from __future__ import annotations

from datetime import date

MONTHS = (
    "فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند",
)  # fmt: skip
#: Years with one of these remainders by 33 are leap years: the arithmetic rule, exact in the range above.
_LEAP_REMAINDERS = (1, 5, 9, 13, 17, 22, 26, 30)
_EPOCH = date(1925, 3, 21)
_EPOCH_YEAR = 1304


def to_jalali(day: date) -> tuple[int, int, int]:
    """Return (year, month, day) of the Persian calendar. Raises ValueError outside 1925-2087."""
    if not _EPOCH <= day < date(2087, 1, 1):
        raise ValueError(f"no Persian date for {day}")
    left, year = (day - _EPOCH).days, _EPOCH_YEAR
    while left >= _year_days(year):
        left -= _year_days(year)
        year += 1
    if left < 186:
        return year, left // 31 + 1, left % 31 + 1
    return year, (left - 186) // 30 + 7, (left - 186) % 30 + 1


def _year_days(year: int) -> int:
    return 366 if year % 33 in _LEAP_REMAINDERS else 365
