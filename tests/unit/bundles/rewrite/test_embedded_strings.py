"""Serialized strings whose quotes are encoded: what they mean is asked where they can be whole, and nowhere else."""

import pytest

from controller.bundles.rewrite.embedded_strings import DECODERS, embedded_strings


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (b"s%3A3%3A%22a%2Fb%22%3B", b"a/b"),
        (b's:2:\\"\\u00e9\\";', "\u00e9".encode()),
        (b"s:1:&quot;&amp;&quot;;", b"&"),
        (b"s%3A0%3A%22%22%3B", b""),
    ],
)
def test_a_whole_one_is_read(text, meaning):
    (found,) = embedded_strings(text)
    assert found.wrapped is not None and found.wrapped.inner == meaning


def test_strings_that_never_end_are_not_read_to_the_end_of_the_text_each(monkeypatch):
    read = []

    def counted(body, plain=DECODERS[b"%22"]):
        read.append(len(body))
        return plain(body)

    monkeypatch.setitem(DECODERS, b"%22", counted)
    found = list(embedded_strings(b"s%3A1%3A%22x%7B" * 5000 + b"%22%3B"))
    assert found and all(one.wrapped is None for one in found)
    assert sum(len(one.body) for one in found) < 1_000_000
    assert sum(read) < 1000
