"""Lines of a crontab: how long an account waits for cron at most, and which line comes after another."""

import pytest

from controller.panels.cpanel.account.cron import Crontab, Line

EVERY_FIVE = ",".join(str(minute) for minute in range(0, 60, 5))


@pytest.mark.parametrize(
    ("times", "minutes"),
    [
        ("* * * * *", 1),
        ("*/1 * * * *", 1),
        ("*/5 * * * *", 5),
        ("0-59/15 * * * *", 15),
        (f"{EVERY_FIVE} * * * *", 5),
        ("7,22,37,52 * * * *", 15),
        ("*/7 * * * *", 7),
        ("0,10,50 * * * *", 40),
        ("3/20 * * * *", 20),
        ("17 * * * *", 60),
        ("17 */2 * * *", 120),
        ("0 3 * * *", 1440),
        # What nobody can read is taken for hourly
        ("@reboot * * * *", 60),
    ],
)
def test_the_longest_pause_between_two_runs(times, minutes):
    assert Line(tuple(times.split()), "true", "", "1").minutes() == minutes


def test_a_line_that_left_the_crontab_between_two_looks_has_none_after_it(monkeypatch):
    crontab = object.__new__(Crontab)
    monkeypatch.setattr(crontab, "lines", lambda: [Line(("*",) * 5, "true", "k1", "1")])
    assert crontab._after("2") is None
