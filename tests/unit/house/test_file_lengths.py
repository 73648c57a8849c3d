"""No module and no function grows beyond what one reads at a sitting, and each that others call says what it does."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
STORED = re.compile(r"/tests/system/upgrade/[0-9a-f]{8}/")
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 40
#: Longer functions -> why they are in one piece.
LONGER = {
    "agent/session/context.py __init__": "the attributes of an attempt, most with a remark",
    "tests/support/shops/dump_styles.py _by_adminer": "the text of a dump",
    "tests/support/shops/dump_styles.py _by_dump_tool": "the text of a dump",
    "tests/support/shops/dump_styles.py _by_heidisql": "the text of a dump",
}
#: More of them belong together: a fixture or a type that holds them has a name of its own.
MOST_PARAMETERS = 6


def test_every_module_has_fewer_than_four_hundred_lines():
    modules = [
        path
        for folder in ("agent", "controller", "shared", "tests", "packaging")
        for path in (ROOT / folder).rglob("*.py")
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}
    assert len(lengths) > 300
    assert {name: length for name, length in lengths.items() if length >= MOST_LINES} == {}


def functions(path):
    """Yield (name, lines) of the module's functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield f"{path.relative_to(ROOT)} {node.name}", node.end_lineno - node.lineno + 1


def modules():
    """Return the modules whose functions are measured: all but what is run with the packages of an earlier version."""
    found = [path for folder in ("agent", "controller", "shared", "tests") for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if not STORED.search(str(path))]


def test_no_function_has_more_than_forty_lines_without_a_reason():
    lengths = {name: lines for path in modules() for name, lines in functions(path)}
    assert len(lengths) > 2000
    longer = {name: lines for name, lines in lengths.items() if lines > MOST_LINES_OF_A_FUNCTION}
    assert {name: lines for name, lines in longer.items() if name not in LONGER} == {}
    assert set(LONGER) <= set(longer)


def parameters(node):
    """Return how many parameters a function has, without the instance it is called on."""
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([one for one in named if one.arg not in ("self", "cls")])


def test_no_function_fixture_or_test_has_more_than_six_parameters():
    counts = {
        f"{path.relative_to(ROOT)} {node.name}": parameters(node)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    assert len(counts) > 8000
    assert {name: count for name, count in counts.items() if count > MOST_PARAMETERS} == {}


def test_every_public_function_of_a_module_says_what_it_does():
    modules = [path for folder in ("agent", "controller", "shared") for path in (ROOT / folder).rglob("*.py")]
    found = {
        f"{path.relative_to(ROOT)} {node.name}": ast.get_docstring(node)
        for path in modules
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert len(found) > 1000
    assert [name for name, said in found.items() if not said] == []
