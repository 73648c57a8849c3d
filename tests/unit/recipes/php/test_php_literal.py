"""PHP literals are read as PHP reads them, and nothing is ever run."""

import base64
import json
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.recipes.php import literal
from shared.errors import ShoplaunchError

_EXPORT = r"""
function plain($value) {
    if (is_array($value)) {
        $items = [];
        foreach ($value as $k => $v) { $items[] = [plain($k), plain($v)]; }
        return ['a', $items];
    }
    return is_string($value) ? ['s', base64_encode($value)] : ['v', $value];
}
while (($line = fgets(STDIN)) !== false) {
    $value = null;
    try { $value = eval(substr(base64_decode($line), 5)); } catch (\Throwable $e) { echo "null\n"; continue; }
    echo json_encode([base64_encode(var_export($value, true)), plain($value)]), "\n";
}
"""


def by_php(sources):
    lines = "".join(base64.b64encode(source).decode() + "\n" for source in sources)
    done = subprocess.run(["php", "-r", _EXPORT], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def plain(value):
    if isinstance(value, dict):
        return ["a", [[plain(key), plain(item)] for key, item in value.items()]]
    if isinstance(value, bytes):
        return ["s", base64.b64encode(value).decode()]
    return ["v", value]


TEXTS = st.text(st.sampled_from("ab'\"\\$%{}\n\té/*#;,)]>"), max_size=12).map(str.encode)
LITERALS = st.recursive(
    st.one_of(TEXTS, st.integers(-(10**12), 10**12), st.booleans(), st.none()),
    lambda inner: st.dictionaries(
        st.one_of(st.integers(0, 9), TEXTS.filter(lambda t: not t.isdigit())), inner, max_size=4
    ),
    max_leaves=8,
)


@pytest.mark.sampled(of=2, rests=True)
def test_what_is_written_reads_the_same_for_php_and_for_us():
    values = []

    @settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(LITERALS)
    def collect(value):
        values.append(value)

    collect()
    sources = [b"<?php return " + literal.write(value) + b";" for value in values]
    for value, source, (exported, seen) in zip(values, sources, by_php(sources), strict=True):
        assert seen == plain(value)
        assert literal.read_returned(source, "x") == value
        # What PHP's own var_export writes is read too
        if b"\x00" not in base64.b64decode(exported):
            assert literal.read_returned(b"<?php return " + base64.b64decode(exported) + b";", "x") == value


@pytest.mark.parametrize(
    "source",
    [
        b"<?php return ['a' => 1, 'b' => [2, 3,], 5 => 'x', 'y'];",
        b"<?php\n// 'old' => 'x',\n# more\nreturn array( /* 'no' => 1, */ 'a' => 'b' // end\n);",
        b"<?php declare(strict_types=1); return [ \"a\\n\\t\\\\\\\"\\$x\" => 'it\\'s', 'j' => 'a' . 'b' . \"c\"];",
        b"<?php return ['neg' => -5, 'f' => 1.5, 't' => TRUE, 'n' => Null];",
        b"\xef\xbb\xbf<?php return ['bom' => 1];",
    ],
)
def test_hand_edited_files_are_read_as_php_reads_them(source):
    expected = by_php([source.removeprefix(b"\xef\xbb\xbf")])[0][1]
    assert plain(literal.read_returned(source, "x")) == expected


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (b"<?php return ['a' => getenv('A')];", 1),
        (b"<?php return ['a' => 'x',\n 'b' => \"$name\"];", 2),
        (b"<?php return ['a' => 'x',\n\n 'b' => SOME_CONSTANT];", 3),
        (b"<?php $x = 1; return ['a' => $x];", 1),
        (b"<?php return ['a' => ['b'", 1),
        (b"<?php return ['a' => 'never closed", 1),
        (b"parameters:\n  a: b\n", 1),
        (b"", 1),
        (b"<?php return " + b"[" * 100, 1),
    ],
)
def test_what_would_have_to_be_run_is_refused_with_its_line(source, line):
    with pytest.raises(ShoplaunchError) as caught:
        literal.read_returned(source, "parameters.php")
    assert caught.value.code == "config_unreadable"
    assert f"parameters.php line {line}:" in caught.value.message
