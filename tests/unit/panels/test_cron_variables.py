"""Which variables an account's crontab sets for a job, as cron reads its lines."""

import pytest

from controller.panels.local.crontab import variables

LINE = "* * * * * sh ~/run # ours"


@pytest.mark.parametrize(("text", "found"), [
    ("PATH=/opt/bin", {"PATH": "/opt/bin"}),
    ("  PATH  =  /opt/bin  ", {"PATH": "/opt/bin"}),
    ("A=b c", {"A": "b c"}),
    ("A=b=c", {"A": "b=c"}),
    ('A="  b "', {"A": "  b"}),
    ("A='b \"c\"'", {"A": 'b "c"'}),
    ('A=""', {"A": ""}),
    ("'A'=b", {"A": "b"}),
    ("A=1\nA=2", {"A": "2"}),
    ("# A=b", {}),
    ("   # A=b", {}),
    ("", {}),
    ("A", {}),
    ("A=", {}),
    ("=b", {}),
    ('""=b', {}),
    ('A="b" c', {}),
    ("10 5 * * * A=b true", {}),
    ("@daily A=b", {}),
    ("* * * * * true # A=b", {}),
    (f"{LINE}\nA=b", {}),
    (f"A=b\n{LINE}\nA=c", {"A": "b"}),
    ("A=\udcff", {"A": "\udcff"}),
])  # fmt: skip
def test_lines_that_set_variables_are_distinguished_from_all_others(text, found):
    assert variables(text.encode("utf-8", "surrogateescape"), LINE) == found


def test_a_line_of_any_length_is_read_in_time():
    assert variables(b" " * 200_000 + b"x", LINE) == {}
    assert variables(b"a" * 200_000, LINE) == {}
    assert variables(b"A=" + b" " * 200_000 + b"'", LINE) == {}
