"""The table of attacks, made from the marks of the tests; `python -m tests.attacks.catalogue` writes ATTACKS.md."""

import ast
import re
import tomllib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.mutants.catalogue import mutants

FOLDER = Path(__file__).resolve().parent
TESTS = FOLDER.parent
PROJECT = TESTS.parent
PAGE = FOLDER / "ATTACKS.md"
#: Attacks that no mutant belongs to, each with the reason.
REASONS = FOLDER / "without_mutant.toml"
COMMAND = "make attacks"
_MARK = "attack"
_MARKED = re.compile(rf"^@{_MARK}\(", re.MULTILINE)
_HEAD = f"""\
# Attacks: what somebody does, what happens instead, and the test that shows it

Written by `{COMMAND}` from the `@attack` marks of the tests: those of `tests/attacks/`, with a folder for each concern
and a module for each promise, then those that stand with other tests of what is attacked; a test compares. The last
column names the mutants of `tests/mutants/` that take the protection away and make the test fail (`make mutants`), or
says why there is none.

Behind a test stands what `make test` leaves to other days; `make test-nightly` runs everything. *1/3 a day*: one case
of three each day, in rotation, at least one. *every 3 days*: there are days without any. *nightly*: in that run only.
What has nothing behind it runs whole every day, but for kinds of databases, which [take turns](../README.md#habits).
Each case that a mutant names runs every day.
"""
_ELSEWHERE = "Tests beside others of what is attacked"
_COLUMNS = "| attack | what happens | shown by | taken away by |\n|---|---|---|---|"


class NotPlain(Exception):
    """A mark cannot be read without running the module."""


@dataclass(frozen=True)
class Attack:
    """A marked `test` of `module` (path in tests/): somebody does `operation`, and `outcome` happens; `days` says which
    of its cases do not run every day, "" when all do."""

    module: str
    test: str
    operation: str
    outcome: str
    days: str = ""

    @property
    def name(self):
        """What pytest calls the test, without a parameter."""
        return f"{TESTS.name}/{self.module}::{self.test}"


def modules():
    """Return the paths of all test modules of attacks, folder by folder."""
    return sorted(FOLDER.rglob("test_*.py"))


def modules_elsewhere():
    """Return the paths of the test modules outside the folder that mark an attack, too."""
    return [
        path
        for path in sorted(TESTS.rglob("test_*.py"))
        if not path.is_relative_to(FOLDER) and _MARKED.search(path.read_text("utf-8"))
    ]


def all_attacks():
    """Return the Attacks of all modules. Raises NotPlain."""
    return [attack for path in [*modules(), *modules_elsewhere()] for attack in attacks_of(path)]


def attacks_of(path):
    """Return the Attacks that the module at `path` marks, in its order. Raises NotPlain."""
    body = ast.parse(path.read_text("utf-8")).body
    return [
        Attack(_place(path), function.name, *_mark(path, function, mark), _days(function, body))
        for function in body
        if isinstance(function, ast.FunctionDef)
        for mark in function.decorator_list
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == _MARK
    ]


def _place(path):
    return path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else path.name


def _mark(path, function, mark):
    try:
        operation, outcome = (ast.literal_eval(argument) for argument in mark.args)
    except ValueError:
        raise NotPlain(f"{path.name}: @attack of {function.name} takes two plain texts") from None
    return operation, outcome


def _days(function, body):
    """Return which cases of the test do not run every day, by the marks of its decorators and of what these name."""
    constants = {
        one.targets[0].id: one.value
        for one in body
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name)
    }
    whole = [found for mark in function.decorator_list if (found := _rarely(mark))]
    named = [constants.get(one.id) for mark in function.decorator_list for one in ast.walk(mark) if _is_name(one)]
    parts = [one for tree in (*function.decorator_list, *filter(None, named)) for one in ast.walk(tree)]
    some = [
        f"some cases {found}"
        for one in parts
        if _is_case(one)
        for mark in one.keywords
        if (found := _rarely(mark.value))
    ]
    return ", ".join(dict.fromkeys(whole + some))


def _is_name(node):
    return isinstance(node, ast.Name)


def _is_case(node):
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.param"


def _rarely(mark):
    """Return how often what has this mark runs, "" for any other mark."""
    if ast.unparse(mark) == "pytest.mark.nightly":
        return "nightly"
    if not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "pytest.mark.sampled":
        return ""
    given = {one.arg: one.value for one in mark.keywords}
    number = ast.literal_eval(given["of"])
    return f"every {number} days" if "rests" in given else f"1/{number} a day"


def mutants_by_test():
    """Return {name of a test, without a parameter: [names of the mutants that it has to notice]}."""
    found = {}
    for mutant in mutants():
        for test in mutant.tests:
            known = found.setdefault(test.partition("[")[0], [])
            known += [mutant.name] if mutant.name not in known else []
    return found


def reasons():
    """Return {name of a test: why no mutant belongs to it}."""
    found = tomllib.loads(REASONS.read_text("utf-8"))
    return {name if name.startswith("tests/") else f"tests/attacks/{name}": why for name, why in found.items()}


def page():
    """Return the text of ATTACKS.md. Raises NotPlain."""
    known, without = mutants_by_test(), reasons()
    parts = [_HEAD]
    for folder, paths in groupby(modules(), lambda path: path.parent):
        parts.append(f"## {_first_line(folder / '__init__.py')}\n")
        parts += [_table(path, path.relative_to(FOLDER), known, without) for path in paths]
    elsewhere = modules_elsewhere()
    parts += [f"## {_ELSEWHERE}\n"] if elsewhere else []
    parts += [_table(path, path.relative_to(PROJECT), known, without) for path in elsewhere]
    return "\n".join(parts)


def _table(path, shown, known, without):
    rows = [_row(attack, known.get(attack.name, []), without.get(attack.name, "")) for attack in attacks_of(path)]
    return "\n".join([f"### {_first_line(path)}", f"`{shown.as_posix()}`", "", _COLUMNS, *rows, ""])


def _first_line(path):
    """Return what the module at `path` says it is about, its name where it says nothing."""
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) if path.is_file() else None
    return (said or path.stem).splitlines()[0].rstrip(".")


def _row(attack, names, reason):
    away = ", ".join(f"`{name}`" for name in names) or reason
    shown = f"`{attack.test}` ({attack.days})" if attack.days else f"`{attack.test}`"
    return "| " + " | ".join(_cell(text) for text in (attack.operation, attack.outcome, shown, away)) + " |"


def _cell(text):
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    missing = [one.name for one in all_attacks() if one.name not in mutants_by_test() and one.name not in reasons()]
    print(f"{PAGE.relative_to(PROJECT)} is written.")
    for name in missing:
        print(f"No mutant and no reason in {REASONS.relative_to(PROJECT)}: {name}")
