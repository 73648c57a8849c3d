"""What others write is one line, whatever is in it."""

import sys

import pytest

from shared.plain_lines import escaped


@pytest.mark.parametrize("sign", "\n\r\x0b\x0c\x1b\x00\x7f\x85\x9b\u2028\u2029\u202e\u2066\u200f\u061c\ud800")
def test_what_begins_a_line_or_commands_a_terminal_is_escaped(sign):
    found = escaped(f"a{sign}b")
    assert sign not in found and found.isprintable() and len(found.splitlines()) == 1
    assert found.encode("ascii").decode("unicode_escape").encode("utf-8", "surrogatepass") == f"a{sign}b".encode(
        "utf-8", "surrogatepass"
    )


def test_no_sign_begins_a_line():
    for number in range(sys.maxunicode + 1):
        assert len(f"a{escaped(chr(number))}b".splitlines()) == 1, hex(number)


def test_words_of_every_language_stay():
    words = "Grüße, سلام می‌کنم, 你好 🙂\t\\ 100%"
    assert escaped(words) == words
