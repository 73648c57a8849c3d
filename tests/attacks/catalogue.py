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
"""
_ELSEWHERE = "Tests beside others of what is attacked"
_COLUMNS = "| attack | what happens | shown by | taken away by |\n|---|---|---|---|"


class NotPlain(Exception):
    """A mark cannot be read without running the module."""


@dataclass(frozen=True)
class Attack:
    """A marked `test` of `module` (path in tests/): somebody does `operation`, and `outcome` happens."""

    module: str
    test: str
    operation: str
    outcome: str

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
    return [
        Attack(_place(path), function.name, *_mark(path, function, mark))
        for function in ast.parse(path.read_text("utf-8")).body
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
    return (
        "| " + " | ".join(_cell(text) for text in (attack.operation, attack.outcome, f"`{attack.test}`", away)) + " |"
    )


def _cell(text):
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    missing = [one.name for one in all_attacks() if one.name not in mutants_by_test() and one.name not in reasons()]
    print(f"{PAGE.relative_to(PROJECT)} is written.")
    for name in missing:
        print(f"No mutant and no reason in {REASONS.relative_to(PROJECT)}: {name}")
