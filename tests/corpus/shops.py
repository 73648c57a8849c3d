"""A folder of template shops, and the evidence kept about each of them."""

import contextlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

TREE = "tree"
FACTS = "shop.json"
STAGES = ("pack", "live", "walk", "compare")
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Shop:
    """One template: `tree` is its document root, never changed; `facts` are what its shop.json says."""

    id: str
    tree: Path
    dump: Path
    facts: dict = field(default_factory=dict)

    @property
    def languages(self):
        """The codes of its languages, the first one its own."""
        return [str(code) for code in self.facts.get("languages", [])]


def shops_below(folder):
    """Return the shops in `folder` by name, and name -> reason for the folders that are none."""
    found, refused = [], {}
    for place in sorted(Path(folder).absolute().iterdir()):
        if not place.is_dir() or place.name.startswith((".", "_")):
            continue
        dumps = sorted(path for path in place.glob("dump.*") if path.is_file())
        if not (place / TREE).is_dir() or not dumps:
            refused[place.name] = f"has no {TREE}/" if dumps else "has no dump.sql"
            continue
        try:
            facts = json.loads((place / FACTS).read_text("utf-8")) if (place / FACTS).exists() else {}
        except ValueError as problem:
            refused[place.name] = f"{FACTS} cannot be read: {problem}"
            continue
        found.append(Shop(place.name, place / TREE, dumps[0], facts))
    return found, refused


class Evidence:
    """What is known of one shop, in `folder`/evidence.json: a document per stage."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._path = self.folder / "evidence.json"
        self.stages = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}

    def has_passed(self, stage):
        """Return whether `stage` has come to its end without a fault."""
        return self.stages.get(stage, {}).get("state") == PASSED

    def is_done(self, stage):
        """Return whether `stage` has come to an end, a good or a bad one."""
        return self.stages.get(stage, {}).get("state") in (PASSED, FAILED)

    def keep(self, stage, document):
        """Write what `stage` found; what later stages found before is of another bundle and goes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if stage == "pack":
            self.stages = {}
        self.stages[stage] = document
        aside = self._path.with_suffix(".new")
        aside.write_text(json.dumps(self.stages, ensure_ascii=False, indent=1, default=str), "utf-8")
        aside.replace(self._path)


@contextlib.contextmanager
def measured(document):
    """Within this a stage works; its seconds and, when it raises, its state and reason go to `document`."""
    start = time.monotonic()
    try:
        yield
    except Exception as problem:  # noqa: BLE001 - the next stage and the next shop have their turn
        document |= {"state": FAILED, "code": type(problem).__name__, "message": str(problem)[-4000:]}
    finally:
        document["seconds"] = round(time.monotonic() - start, 1)
