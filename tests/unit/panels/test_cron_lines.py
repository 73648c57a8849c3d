"""Lines of a crontab: how long an account waits for cron at most, and which line comes after another."""

import pytest

from controller.panels.cpanel.account.cron import Crontab, Line, line_of, went_with
from controller.panels.cpanel.api.answers import Answer
from tests.attacks.table import attack

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


@pytest.mark.parametrize("command", ["own", " own", "own\r", "echo 'a  b' # c ", "  ", "\town\t--now", "x" * 100_000])
def test_a_line_that_was_kept_is_known_again(command):
    """However blanks stand in it, and whichever system its end is of."""
    line = Line(("7", "7", "*", "*", "*"), command, "", "3")
    assert str(line_of(str(line))) == str(line) and line_of(str(line)).command == command.strip()


@attack(
    "a panel says the times of an account's own cron line as numbers, zero among them, and the line is put back",
    "it runs when it ran before: zero is no `*`",
)
def test_a_time_of_zero_is_zero():
    times = {"minute": 0, "hour": 0, "day": 1, "month": "1", "weekday": None}
    (line,) = Crontab.read(Answer(True, [{**times, "command": "own", "count": 1}, {"count": 2}]))
    assert str(line) == "0 0 1 1 * own"


def crontab_of(text):
    """Return the lines whose commands are the words of `text`."""
    return [Line(("*",) * 5, word, word, str(number)) for number, word in enumerate(text.split(), 1)]


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        ("a ours b", "a b", None),
        ("a ours", "a", None),
        # Delivered twice
        ("a ours b c", "a c", "b"),
        # The owner has removed a line before, or added one
        ("a ours b", "ours", "b"),
        ("a ours b", "new ours b", "a"),
        ("a ours b", "ours b", "a"),
        # The owner has changed more than that
        ("a x ours b", "new ours b", None),
        ("a ours", "", None),
        ("a ours b", "a ours b new", None),
        # The same line twice: one of them is left
        ("b ours b", "b", None),
        ("", "", None),
    ],
)
def test_the_line_that_a_removal_by_number_took_is_known(before, after, taken):
    known = crontab_of(before)
    number = next((line.number for line in known if line.command == "ours"), "1")
    ours = Line(("*",) * 5, "ours", "ours", number)
    found = went_with(known, crontab_of(after), ours, number)
    assert (None if found is None else found.command) == taken
