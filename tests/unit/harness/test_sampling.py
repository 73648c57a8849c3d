"""Of long grids some cases run each day, in rotation: none is left out for good, and what a mutant names never is."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support import sampling

PROJECT = Path(__file__).resolve().parents[3]
MODULE = "tests/attacks/answers/test_hostile_controllers.py"


class Item:
    """A case of a test with one or two parameters, as pytest collects it."""

    def __init__(self, nodeid, params=None, **mark):
        self.nodeid, self.callspec = nodeid, SimpleNamespace(params=params or {})
        self._mark, self.added = SimpleNamespace(kwargs=mark) if mark else None, []

    def get_closest_marker(self, _name):
        return self._mark

    def add_marker(self, mark):
        self.added.append(mark)


def ran(items, day):
    """Return the cases that run on this day."""
    left = {item.nodeid for item in sampling.left_out(items, day)}
    return {item.nodeid for item in items} - left


def test_what_a_mutant_names_and_is_no_test_is_named_once_its_file_is_collected(monkeypatch):
    named = ["t.py::test_one[a]", "t.py::test_two", "t.py::test_gone", "other.py::test_one", "t.py::test_two[gone]"]
    monkeypatch.setattr(sampling, "mutants", lambda: [SimpleNamespace(tests=named)])
    collected = ["t.py::test_one[a]", "t.py::test_two[x]"]
    assert sampling.misnamed(collected) == ["t.py::test_gone", "t.py::test_two[gone]"]


@pytest.mark.parametrize("of", [2, 3, 4, 100])
def test_each_case_comes_once_in_so_many_days(of):
    items = [Item(f"t.py::test_one[{number}]", of=of) for number in range(13)]
    days = [ran(items, day) for day in range(739_000, 739_000 + min(of, 13))]
    assert set().union(*days) == {item.nodeid for item in items}
    assert sum(map(len, days)) == len(items) and all(days)


def test_every_value_comes_every_day():
    items = [
        Item(f"t.py::test_one[{state}-{odd}]", {"state": state, "odd": odd}, of=2, each=("odd",))
        for state in range(2) for odd in range(7)
    ]  # fmt: skip
    for day in (1, 2):
        found = ran(items, day)
        assert len(found) == 7
        assert {nodeid[-2] for nodeid in found} == set("0123456")
        # Neither of the others is left to another day altogether
        assert {nodeid[-4] for nodeid in found} == {"0", "1"}


def test_of_each_kind_some_come_every_day():
    items = [Item(f"t.py::test_one[{n}]", of=2, kind="ab"[n > 0]) for n in range(5)]
    assert {frozenset(ran(items, day)) for day in (1, 2)} == {
        frozenset(f"t.py::test_one[{n}]" for n in numbers) for numbers in ((0, 1, 3), (0, 2, 4))
    }


def test_what_may_rest_comes_as_often_as_the_mark_says_and_neighbours_on_other_days():
    items = [Item(f"t.py::test_{name}[{n}]", of=4, rests=True) for name in "abcd" for n in range(2)]
    days = [ran(items, day) for day in range(4)]
    assert [len(found) for found in days] == [2, 2, 2, 2]
    assert set().union(*days) == {item.nodeid for item in items}


def test_tests_with_the_same_turn_take_the_same_cases():
    items = [Item(f"t.py::test_{name}[{n}]", of=3, turn="shops") for name in "abc" for n in range(3)]
    items.insert(3, Item("t.py::test_between[0]", of=2))
    for day in range(3):
        assert len({nodeid[-2] for nodeid in ran(items, day) if "between" not in nodeid}) == 1
    assert len(set().union(*(ran(items, day) for day in range(3)))) == len(items)


def test_a_fixture_learns_with_which_values_tests_of_its_module_run():
    def item(path, *marks, **params):
        more = {"callspec": SimpleNamespace(params=params)} if params else {}
        return SimpleNamespace(path=path, get_closest_marker=lambda name: name in marks or None, **more)

    items = [item("a", name=1, other=7), item("a", "skip", name=2), item("b", name=3), item("a", other=4), item("a")]
    request = SimpleNamespace(path="a", session=SimpleNamespace(items=items))
    assert sampling.running(request, "name") == {1}
    assert sampling.running(request, "name", "other") == {(1, 7)}
    assert sampling.running(request, "name", file="b") == {3}


def test_days_without_any_are_between_those_of_the_cases():
    items = [Item(f"t.py::test_one[{n}]", of=6, rests=True) for n in range(3)]
    assert [len(ran(items, day)) for day in range(6)] in ([1, 0] * 3, [0, 1] * 3)
    assert len(set().union(*(ran(items, day) for day in range(6)))) == 3


def test_what_has_no_mark_runs():
    items = [Item("t.py::test_one"), Item("t.py::test_two[1]", of=2)]
    assert "t.py::test_one" in ran(items, 1) & ran(items, 2)


def test_what_a_mutant_names_or_the_command_line_runs(monkeypatch):
    monkeypatch.setattr(sampling, "mutants", lambda: [SimpleNamespace(tests=("t.py::test_one[3]",))])
    items = [Item(f"t.py::test_{name}[{n}]", of=10) for name in ("one", "two", "three") for n in range(10)]
    sampling.skip_the_rest(items, ["tests", "t.py::test_two", "t.py::test_three[4]"], 0)
    runs = [item.nodeid for item in items if not item.added]
    assert {"t.py::test_one[3]", "t.py::test_three[4]", *(f"t.py::test_two[{n}]" for n in range(10))} <= set(runs)
    assert len(runs) < 16


def test_what_takes_minutes_has_its_days_although_a_mutant_names_it(monkeypatch):
    monkeypatch.setattr(sampling, "mutants", lambda: [SimpleNamespace(tests=("t.py::test_one", "t.py::test_two"))])
    days = []
    for day in range(3):
        items = [
            Item(f"t.py::test_{name}", of=3, rests=True, named=named) for name, named in (("one", False), ("two", True))
        ]
        sampling.skip_the_rest(items, ["tests"], day)
        days.append([item.nodeid for item in items if not item.added])
    assert sorted(map(len, days)) == [1, 1, 2] and all("t.py::test_two" in ran_then for ran_then in days)


def test_the_night_leaves_nothing_out_and_the_day_says_what_it_does():
    # Nor by this run's options for its report
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SHOPLAUNCH_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--setup-plan", MODULE]

    def planned(**more):
        done = subprocess.run(command, cwd=PROJECT, env={**environment, **more}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
        return done.stdout

    night, day = planned(SHOPLAUNCH_NIGHTLY="1"), planned(SHOPLAUNCH_SAMPLE="7")
    asked = "::test_no_answer_breaks_a_page_or_cron["
    assert "SHOPLAUNCH_SAMPLE=7" in day
    # What a mutant names comes besides
    assert night.count(asked) == 26 and day.count(asked) in (13, 14)


#: A plugin for a run of its own, in each of its processes: a mutant names what is no test.
WRONG = """\
from types import SimpleNamespace
from tests.support import sampling
known = sampling.mutants
sampling.mutants = lambda: [*known(), SimpleNamespace(tests=("tests/unit/test_this_machine.py::test_gone[x]",))]
"""


@pytest.mark.parametrize("shared", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_a_run_ends_at_once_by_a_test_that_mutants_name_and_that_is_none(tmp_path, shared):
    (tmp_path / "wrong.py").write_text(WRONG)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SHOPLAUNCH_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "wrong", *shared]
    done = subprocess.run(
        [*command, "tests/unit/test_this_machine.py"],
        cwd=PROJECT, env={**environment, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "tests/mutants/mutants.toml names no test: tests/unit/test_this_machine.py::test_gone[x]" in said, said
    assert done.returncode == 1 and "1 failed" in said and "passed" not in said and "INTERNALERROR" not in said
