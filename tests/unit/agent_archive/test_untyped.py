"""What is said about types is taken out of sources, and nothing else."""

import ast
from pathlib import Path

import pytest

from controller.agent_archive.untyped import untyped

PROJECT = Path(__file__).resolve().parents[3]
MODULES = sorted([*(PROJECT / "agent").rglob("*.py"), *(PROJECT / "shared").rglob("*.py")])


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("def f(a: int, *b: 'Any', c: \"str | None\" = None, **d: 'Any') -> None:\n    return\n",
         "def f(a, *b, c = None, **d):\n    return\n"),
        ("def f(\n    a: int,\n    b: int = 1,\n) -> 'dict[str, int]':\n    pass\n",
         "def f(\n    a,\n    b = 1,\n):\n    pass\n"),
        ("class A:\n    é: 'ü' = 'ö -> x: int'\n    b: int\n", "class A:\n    é = 'ö -> x: int'\n    pass\n"),
        ("def f():\n    def g(x: 'Any') -> 'Any':\n        y: 'Any' = [x]\n        return y\n",
         "def f():\n    def g(x):\n        y = [x]\n        return y\n"),
        ("MYPY = False\nif MYPY:\n    import a\n\n    B: int = 1\nelse:\n    C: int = 2\n",
         "MYPY = False\nif MYPY:\n    pass\n\n\nelse:\n    C = 2\n"),
        ("if a:\n    b: 'Any' = lambda c: c\n", "if a:\n    b = lambda c: c\n"),
    ],
)  # fmt: skip
def test_annotations_go(typed, plain):
    assert untyped(typed.encode()).decode() == plain


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_what_a_module_does_stays_line_by_line(path):
    source = path.read_bytes()
    plain = untyped(source)
    assert placed(Stripped().visit(ast.parse(source))) == placed(ast.parse(plain))
    assert plain.count(b"\n") == source.count(b"\n")


class Stripped(ast.NodeTransformer):
    """The same another way: over the tree."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return self.generic_visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_If(self, node):
        if isinstance(node.test, ast.Name) and node.test.id == "MYPY":
            node.body = [ast.copy_location(ast.Pass(), node.body[0])]
        return self.generic_visit(node)


def placed(tree):
    """Return what `tree` says, each part with its line."""
    return [(ast.dump(node), getattr(node, "lineno", 0)) for node in ast.walk(tree)]
