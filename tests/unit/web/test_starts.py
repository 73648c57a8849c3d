"""Every way and every reason of a start has the words that the panels give it, in both languages."""

from controller.panels.start import REASONS, WAYS
from controller.web.pages.operator import starts


def test_every_way_has_words():
    assert set(starts.WAYS) == {*WAYS, "cron"}


def test_every_reason_has_the_words_of_its_code():
    assert {code: str(text._args[0]) for code, text in starts.REASONS.items()} == dict(REASONS)
