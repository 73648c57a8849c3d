"""A JSON list read entry by entry: the same entries as read at once, none of them held, what is broken reported."""

import gc
import json
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.base import json_list
from agent.base.json_list import entries_of
from shared.errors import ShoplaunchError

TEXT = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=10,
)


def cut(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(
    st.lists(st.dictionaries(TEXT, VALUES)),
    st.sampled_from([None, 1, "\t"]),
    st.sampled_from([(",", ":"), (" , ", " : ")]),
    st.integers(1, 50),
    st.integers(10, 30),
)
def test_the_entries_are_those_of_the_list_however_it_is_cut(entries, indent, separators, size, first):
    data = json.dumps(entries, indent=indent, separators=separators, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_list, "_FIRST_CHARS", first)
        assert list(entries_of(cut(data, size))) == entries


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    "text",
    ["", "{}", "[", "[{}", "[{},", "[{},]", "[{} {}]", "[,{}]", "[{}] x", "[{}]]", "none", '[{"x]', "[\xff]"],
)
def test_what_is_no_list_is_reported(text, size, monkeypatch):
    monkeypatch.setattr(json_list, "_FIRST_CHARS", 1)
    with pytest.raises(ShoplaunchError, match="bundle_damaged"):
        list(entries_of(cut(text.encode("latin-1"), size)))


def test_of_a_long_list_little_more_than_an_entry_is_read_at_a_time(monkeypatch):
    monkeypatch.setattr(json_list, "_FIRST_CHARS", 100)
    entries = [{"number": number} for number in range(1000)]
    pieces = iter(cut(json.dumps(entries).encode(), 50))
    reader = entries_of(pieces)
    assert [next(reader) for _ in range(500)] == entries[:500]
    assert len(b"".join(pieces)) > 5000


def test_an_entry_is_nobodys_once_it_was_handed_over(monkeypatch):
    class Entry:
        pass

    class Decoder:
        def raw_decode(self, _text, at):
            return Entry(), at + 1

    monkeypatch.setattr(json_list.json, "JSONDecoder", Decoder)
    reader = entries_of([b"[1,2]"])
    seen = weakref.ref(next(reader))
    gc.collect()
    assert seen() is None
