"""The list of mutants: the protection each takes away, the tests that have to notice, and what its patch makes."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parents[1]
INDEX = FOLDER / "mutants.toml"
_FILE = "+++ b/"


class DoesNotApply(Exception):
    """The code is not what the patch was made for."""


@dataclass(frozen=True)
class Mutant:
    """A `protection` (a sentence) that the patch `name` takes away, and the `tests` (ids of pytest) that fail then."""

    name: str
    protection: str
    tests: tuple[str, ...]

    @property
    def patch(self):
        """The path of the unified diff; its own paths are relative to the project, behind `a/` and `b/`."""
        return FOLDER / f"{self.name}.patch"


def mutants():
    """Return the list, in the order of the index."""
    index = tomllib.loads(INDEX.read_text("utf-8"))
    return [Mutant(name, entry["protection"], tuple(entry["tests"])) for name, entry in index.items()]


def mutated(mutant, root=PROJECT):
    """Return {path relative to `root`: text} of the files the patch changes, as they are with it.

    Lines may have moved since it was made, but must be there as they were, and once. Raises DoesNotApply.
    """
    found = {}
    for path, before, after in hunks(mutant.patch.read_text("utf-8")):
        file = Path(root, path)
        if path not in found and not file.is_file():
            raise DoesNotApply(f"{mutant.name}: there is no {path}")
        text = found.get(path) or file.read_text("utf-8")
        if text.count(before) != 1:
            raise DoesNotApply(f"{mutant.name}: {path} holds {text.count(before)} times:\n{before}")
        found[path] = text.replace(before, after)
    if not found:
        raise DoesNotApply(f"{mutant.name}: the patch changes nothing")
    return found


def hunks(patch):
    """Yield (path, the lines as they were, the lines as they become) of each hunk."""
    path, before, after = "", [], []
    for line in [*patch.splitlines(), "@@"]:
        if line.startswith(("--- ", _FILE, "@@")):
            if before != after:
                yield path, "".join(before), "".join(after)
            before, after = [], []
            path = line.removeprefix(_FILE) if line.startswith(_FILE) else path
            continue
        kind, text = line[:1] or " ", line[1:] + "\n"
        before += [text] if kind in " -" else []
        after += [text] if kind in " +" else []
