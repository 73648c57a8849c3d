"""Carries the mutants over moves, renames and edits of the code: patches are merged, tests named anew.

Usage: python -m tests.mutants.carry COMMIT [OLD=NEW ...]. COMMIT is where the patches last fitted, OLD=NEW a name that
was changed everywhere since. What fits already stays as it is; what cannot be merged is reported and left.
"""

import difflib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.catalogue import INDEX, PROJECT, DoesNotApply, hunks, mutants, mutated

#: Lines around a change: as few as make it unique in its file.
FEWEST, MOST = 3, 40
#: Files as much alike as this are one that was moved, percent.
ALIKE = 40


class Conflict(Exception):
    """The mutant changes lines that were changed since."""


@dataclass(frozen=True)
class Moves:
    """What became of the code of `old`, a tree of files: paths (old -> new) and names (old -> new)."""

    old: Path
    paths: dict
    names: dict

    def text(self, text):
        """Return `text` with every old name as the new one, where it stands as a whole word."""
        for old, new in self.names.items():
            text = re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w-])", lambda _, new=new: new, text)
        return text

    def path(self, path):
        """Return where the file `path` is now."""
        return self.paths.get(path, path)


def git(project, *arguments):
    """Return what git prints about `project`. Raises subprocess.CalledProcessError."""
    command = ["git", "-C", str(project), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def moved_since(project, commit):
    """Return {old path: new path} of the files that were moved since `commit`."""
    found = git(project, "diff", f"--find-renames={ALIKE}%", "--diff-filter=R", "--name-status", "-l0", commit)
    return {old: new for _, old, new in (line.split("\t") for line in found.splitlines())}


def unpack(project, commit, folder):
    """Put the files of `commit` into `folder`."""
    archive = subprocess.run(["git", "-C", str(project), "archive", commit], check=True, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", str(folder)], check=True, input=archive.stdout)


def merged(ours, base, theirs):
    """Return `ours` with what leads from `base` to `theirs`. Raises Conflict."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("ours", "base", "theirs")]
        for file, text in zip(files, (ours, base, theirs), strict=True):
            file.write_text(text, "utf-8")
        done = subprocess.run(["git", "merge-file", "-p", *files], check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise Conflict
    return done.stdout


def fits(mutant, project):
    """Return whether the mutant's patch applies to the code as it is."""
    try:
        mutated(mutant, project)
    except DoesNotApply:
        return False
    return True


def carried(mutant, moves, project):
    """Return the mutant's patch for the code as it is. Raises Conflict, DoesNotApply when it never fitted."""
    parts = []
    for path, theirs in mutated(mutant, moves.old).items():
        now = moves.path(path)
        if not (project / now).is_file():
            raise Conflict
        ours = (project / now).read_text("utf-8")
        base = moves.text((moves.old / path).read_text("utf-8"))
        parts.append(difference(now, ours, merged(ours, base, moves.text(theirs))))
    return "".join(parts)


def difference(path, before, after):
    """Return the unified diff that leads from `before` to `after`, whose every hunk fits in one place alone."""
    lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for around in range(FEWEST, MOST):
        found = "".join(difflib.unified_diff(*lines, f"a/{path}", f"b/{path}", n=around))
        if found and all(before.count(text) == 1 for _, text, _ in hunks(found)):
            return found
    raise Conflict


def named_anew(index, moves):
    """Return the text of the index with files and names of tests as they are now."""

    def replaced(match):
        file, separator, test = match[1].partition("::")
        return f'"{moves.path(file)}{separator}{moves.text(test)}"'

    return re.sub(r'"(tests/[^"]+\.py::[^"]+)"', replaced, index)


def carry(moves, project=PROJECT, index=INDEX, chosen=None):
    """Write every patch and the index anew; return (names carried, names that need a hand)."""
    done, left = [], []
    for mutant in chosen or mutants():
        if fits(mutant, project):
            continue
        try:
            mutant.patch.write_text(carried(mutant, moves, project), "utf-8")
            done.append(mutant.name)
        except (Conflict, DoesNotApply):
            left.append(mutant.name)
    index.write_text(named_anew(index.read_text("utf-8"), moves), "utf-8")
    return done, left


def main(commit, *names):
    """Carry all of them; return the exit code, 1 when some need a hand."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(PROJECT, commit, folder)
        words = dict(name.split("=", 1) for name in names)
        done, left = carry(Moves(Path(folder), moved_since(PROJECT, commit), words))
    print(f"{len(done)} carried.")
    for name in left:
        print(f"{name}.patch needs a hand: what it changes was changed.")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
