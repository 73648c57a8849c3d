"""The splitter finds the statements of a dump, wherever the reading buffer happens to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.bundles.source.dumps.splitter import Splitter, split


def statements(dump, piece=1 << 20):
    pieces = [dump[at : at + piece] for at in range(0, len(dump), piece)]
    return [statement.text for statement in split(pieces)]


CASES = {
    "two statements": (b"a;b;", [b"a", b"b"]),
    "semicolons in strings": (b"a ';' \";\" `;`;b;", [b"a ';' \";\" `;`", b"b"]),
    "doubled and escaped quotes": (b"a 'it''s; \\'; \\\\';b;", [b"a 'it''s; \\'; \\\\'", b"b"]),
    "a doubled backtick": (b"a `x``;y`;b;", [b"a `x``;y`", b"b"]),
    "comments": (b"-- x;\n# y;\n/* z; ' */ a /* ; */ b; --\nc;", [b"a   b", b"c"]),
    "two dashes of arithmetic": (b"a 5--3;", [b"a 5--3"]),
    "a conditional comment": (b"/*!40101 SET x=';' */;a;", [b"SET x=';'", b"a"]),
    "conditional comments for others": (
        b"/*!80016 a */b /*M!999999 ; ' */c/*!99999 d*/;/*M!50700 e*/;",
        [b"b  c", b"e"],
    ),
    "a comment inside of a conditional one": (b"/*!50001 a /* ; */ b */ c;", [b"a   b   c"]),
    "dashes before a control character": (b"a --\x01 ' ;\nb;", [b"a  \nb"]),
    "the sandbox line": (b"/*M!999999\\- enable the sandbox mode */ \n-- c\na;", [b"a"]),
    "a DELIMITER": (
        b"DELIMITER ;;\n/*!50003 CREATE*/ /*!50003 TRIGGER t BEGIN a; b; END */;;\nDELIMITER ;\nc;",
        [b"CREATE    TRIGGER t BEGIN a; b; END", b"c"],
    ),
    "a dollar delimiter": (b"a;\ndelimiter $$\r\nb;c$$\nDelimiter ;\nd;", [b"a", b"b;c", b"d"]),
    "a long delimiter that begins like the end of a comment": (
        b"DELIMITER */" + b"x" * 40 + b"\na */" + b"x" * 40 + b"b y*/" + b"x" * 40 + b"\n",
        [b"a", b"b y"],
    ),
    "nothing": (b"\n \n-- only a comment", []),
    "binary in a string": (b"a '\xff\x00;\n';", [b"a '\xff\x00;\n'"]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 16, 1 << 20])
def test_statements_are_found_however_the_dump_is_cut_into_pieces(case, piece):
    dump, expected = CASES[case]
    assert statements(dump, piece) == expected


@given(
    st.lists(st.sampled_from([b"'", b'"', b"`", b"\\", b";", b"-- ", b"#", b"/*", b"*/", b"/*!", b"\n", b"x", b" "])),
    st.integers(1, 9),
)
def test_any_text_gives_the_same_statements_in_one_piece_and_in_many(parts, piece):
    dump = b"".join(parts)

    def outcome(size):
        try:
            return statements(dump, size)
        except EOFError:
            return "open"

    assert outcome(piece) == outcome(1 << 20)


@pytest.mark.parametrize("cut", [b"a; b", b"a 'x;", b"a /* x;", b"/*!1 x;", b"a `x", b"DELIMITER ;;\na;"])
def test_an_end_inside_a_statement_is_an_error(cut):
    with pytest.raises(EOFError):
        statements(cut)


def test_offsets_name_the_bytes_of_each_statement():
    dump = b"-- c\nSELECT 1;\n  SELECT 2;"
    assert [dump[s.start : s.end] for s in split([dump])] == [b"SELECT 1;", b"SELECT 2;"]


class Searched(bytearray):
    """A splitter's buffer that counts the bytes in which a mark was sought."""

    bytes = 0

    def find(self, mark, start=0, end=None):
        Searched.bytes += (len(self) if end is None else min(end, len(self))) - start
        return super().find(mark, start, *([] if end is None else [end]))


@pytest.mark.parametrize(
    ("begins", "ends", "statements"),
    [(b"/* ", b" */ SELECT 1;", 1), (b"-- ", b"\nSELECT 1;", 1), (b"DELIMITER ", b"\nSELECT 1;", 1)],
    ids=["a comment", "a line of comment", "a delimiter"],
)
def test_what_has_no_end_for_long_is_searched_once_not_once_for_each_piece(begins, ends, statements, monkeypatch):
    monkeypatch.setattr(Searched, "bytes", 0)
    pieces, splitter = [b"x" * 4096] * 256, Splitter()
    splitter._buffer = Searched()
    found = [one for piece in (begins, *pieces, ends) for one in splitter.feed(piece)] + list(splitter.finish())
    assert len(found) == statements and not splitter.open_statement
    assert 0 < Searched.bytes < 3 * sum(map(len, pieces))
