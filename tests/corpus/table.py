"""The table of all shops: one row each, for the terminal and, without names, for the docs."""

import re

from rich.console import Console
from rich.table import Table

from tests.corpus.shops import FAILED, PASSED
from tests.corpus.walks.browsing import ABSENT

COLUMNS = ("application", "version", "language", "MB", "files", "first try", "live", "walk", "differences", "residue",
           "PHP", "seconds")  # fmt: skip
ANSWERS = {True: "yes", False: "no"}


def row(shop, evidence):
    """Return column -> text of one shop."""
    stages = evidence.stages
    packed, live = stages.get("pack", {}), stages.get("live", {})
    return {
        "application": _application(shop, packed),
        "version": str((packed.get("application") or {}).get("version") or _version(shop)),
        "language": ", ".join(shop.languages[:3]) + (" …" if len(shop.languages) > 3 else ""),
        "MB": _megabytes(shop, packed),
        "files": str(shop.facts.get("files") or packed.get("files") or ""),
        "first try": "yes" if packed.get("state") == PASSED else packed.get("code", "") if packed else "",
        "live": f"{live['live']} of {live['of']}" if "live" in live else _state(live),
        "walk": _walk(stages.get("walk", {})),
        "differences": _differences(stages.get("compare", {})),
        "residue": _residue(stages.get("compare", {})),
        "PHP": ", ".join(sorted({one["php"] for one in live.get("shops", {}).values() if one.get("php")})),
        "seconds": str(round(sum(stage.get("seconds", 0) for stage in stages.values()))),
    }


def _application(shop, packed):
    found = str(shop.facts.get("application") or (packed.get("application") or {}).get("name") or "")
    return found or "?"


def _version(shop):
    return re.sub(r"\s*\(.*", "", str(shop.facts.get("version", "")))


def _megabytes(shop, packed):
    size = shop.facts.get("bytes") or ((packed.get("report") or {}).get("files") or {}).get("bytes") or 0
    return str(round(size / 1_000_000)) if size else ""


def _state(stage):
    return stage.get("code") or stage.get("state", "")


def _walk(stage):
    if "of" not in stage:
        return _state(stage)
    absent = len(stage.get("absent", []))
    return f"{stage['passed']} of {stage['of']}" + (f" ({absent} absent)" if absent else "")


def _differences(stage):
    if "tables" not in stage:
        return _state(stage)
    parts = (stage["tables"], stage["tree"])
    explained, left = (sum(part[name] for part in parts) for name in ("explained_total", "unexplained_total"))
    return f"{explained} / {left}"


def _residue(stage):
    return str(stage["residue"]["total"]) if "residue" in stage else ""


def show(shops, evidences):
    """Print the table."""
    table = Table(box=None, header_style="bold")
    for name in ("shop", *COLUMNS):
        table.add_column(name, overflow="fold")
    for shop in shops:
        found = row(shop, evidences[shop.id])
        table.add_row(shop.id, *(found[name] for name in COLUMNS))
    Console(width=200, markup=False, highlight=False).print(table)


def markdown(shops, evidences):
    """Return the table without ids, names and domains, in Markdown; differences are `explained / unexplained`."""
    lines = ["| # | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for number, shop in enumerate(shops, 1):
        found = row(shop, evidences[shop.id])
        lines.append(f"| {number} | " + " | ".join(found[name].replace("|", "/") for name in COLUMNS) + " |")
    packed = sum(evidences[shop.id].has_passed("pack") for shop in shops)
    return "\n".join([*lines, "", f"{packed} of {len(shops)} at the first try."]) + "\n"


def may_be_written(path):
    """Return whether writing the table to `path` loses nothing: no file, or a table as `markdown` makes it."""
    if not path.exists():
        return True
    with path.open("rb") as stream:
        return stream.read(5) == b"| # |"


def faults(shops, evidences):
    """Return lines that say what failed where, for the person who corrects it; with names."""
    lines = []
    for shop in shops:
        for stage, found in evidences[shop.id].stages.items():
            if found.get("state") == FAILED:
                lines.append(f"{shop.id} {stage}: {found.get('code', '')}: {str(found.get('message', ''))[:700]}")
    return lines


def absent(stage):
    """Return the steps of a walk that had nothing to see."""
    return [step for shop in stage.get("shops", {}).values() for step in shop["steps"] if step["state"] == ABSENT]
