"""Dates of the Persian calendar against known days."""

from datetime import date

import pytest

from controller.jalali import to_jalali


@pytest.mark.parametrize(
    ("day", "persian"),
    [
        (date(1979, 2, 11), (1357, 11, 22)),
        (date(2021, 3, 20), (1399, 12, 30)),
        (date(2021, 3, 21), (1400, 1, 1)),
        (date(2024, 3, 19), (1402, 12, 29)),
        (date(2024, 3, 20), (1403, 1, 1)),
        (date(2025, 3, 20), (1403, 12, 30)),
        (date(2025, 3, 21), (1404, 1, 1)),
        (date(2026, 9, 22), (1405, 6, 31)),
        (date(2026, 9, 23), (1405, 7, 1)),
    ],
)
def test_known_days(day, persian):
    assert to_jalali(day) == persian


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(2100, 1, 1)])
def test_days_outside_the_rule_are_refused_and_not_guessed(day):
    with pytest.raises(ValueError):
        to_jalali(day)
