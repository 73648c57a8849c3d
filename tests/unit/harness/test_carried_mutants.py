"""Mutants are carried over moves, renames and edits of the code they change."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants import carry
from tests.mutants.catalogue import mutated

BEFORE = """\
def first():
    return 1


def claim(row):
    if row.taken:
        raise ValueError(row)
    return row.take()


def last():
    numbers = [number for number in range(10) if number % 2]
    letters = "abcdefghijklmnopqrstuvwxyz".split("m")
    return len(numbers) + len(letters)
"""
PATCH = """\
--- a/old/heap.py
+++ b/old/heap.py
@@ -5,4 +5,2 @@
 def claim(row):
-    if row.taken:
-        raise ValueError(row)
     return row.take()
"""
INDEX = """\
[claimed]
protection = "A row is claimed once."
tests = ["tests/unit/test_heap.py::test_claim_is_made_once", "tests/unit/test_other.py::test_it[old/heap.py]"]
"""


@dataclass(frozen=True)
class One:
    """A mutant as the catalogue gives it."""

    name: str
    patch: Path
    tests: tuple = ()


class Repository:
    """A project with one mutant, whose code changes after `begun`."""

    def __init__(self, folder):
        self.folder = folder
        self.index = folder / "mutants.toml"
        self.index.write_text(INDEX)
        self.mutant = One("claimed", folder / "claimed.patch")
        self.mutant.patch.write_text(PATCH)
        self.write("old/heap.py", BEFORE)
        self.write("tests/unit/test_heap.py", "def test_claim_is_made_once():\n    assert True\n" * 5)
        self.git("init", "-q")
        self.begun = self.commit()

    def git(self, *arguments):
        who = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.folder, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def write(self, path, text):
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-qm", "x")
        return self.git("rev-parse", "HEAD")

    def move(self, old, new):
        (self.folder / new).parent.mkdir(parents=True, exist_ok=True)
        self.git("mv", old, new)

    def carry(self, tmp_path, **names):
        old = tmp_path / "before"
        old.mkdir()
        carry.unpack(self.folder, self.begun, old)
        moves = carry.Moves(old, carry.moved_since(self.folder, self.begun), names)
        return carry.carry(moves, self.folder, self.index, [self.mutant])


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    return Repository(folder)


def test_a_patch_follows_a_file_that_was_moved_edited_and_whose_names_changed(repository, tmp_path):
    repository.move("old/heap.py", "new/rows.py")
    text = BEFORE.replace("return 1", "return 11").replace("claim", "take_up").replace("row", "entry")
    repository.write("new/rows.py", f'"""Rows."""\n{text}')
    repository.commit()
    assert repository.carry(tmp_path, claim="take_up", row="entry") == (["claimed"], [])
    changed = mutated(repository.mutant, repository.folder)
    assert list(changed) == ["new/rows.py"]
    assert "raise" not in changed["new/rows.py"] and "return 11" in changed["new/rows.py"]


def test_tests_are_named_where_they_are_now_and_what_only_looks_like_one_stays(repository, tmp_path):
    repository.move("tests/unit/test_heap.py", "tests/unit/rows/test_claims.py")
    repository.commit()
    repository.carry(tmp_path)
    text = repository.index.read_text()
    assert '"tests/unit/rows/test_claims.py::test_claim_is_made_once"' in text
    assert '"tests/unit/test_other.py::test_it[old/heap.py]"' in text


def test_a_patch_that_fits_is_left_as_it_is(repository, tmp_path):
    repository.write("old/heap.py", BEFORE.replace("range(10)", "range(11)"))
    repository.commit()
    assert repository.carry(tmp_path) == ([], [])
    assert repository.mutant.patch.read_text() == PATCH


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_a_patch_whose_lines_were_changed_or_are_gone_is_reported_and_left(repository, tmp_path, what):
    if what == "gone":
        repository.git("rm", "-q", "old/heap.py")
    else:
        repository.write("old/heap.py", BEFORE.replace("row.taken", "row.is_taken()"))
    repository.commit()
    assert repository.carry(tmp_path) == ([], ["claimed"])
    assert repository.mutant.patch.read_text() == PATCH


def test_a_place_that_is_there_twice_gets_as_many_lines_around_it_as_distinguish_the_two(repository, tmp_path):
    again = BEFORE.replace("first", "second").replace("last", "end")
    repository.move("old/heap.py", "new/rows.py")
    repository.write("new/rows.py", BEFORE + again)
    repository.commit()
    assert repository.carry(tmp_path) == (["claimed"], [])
    assert mutated(repository.mutant, repository.folder)["new/rows.py"].count("raise ValueError") == 1
