"""Every room has its place among its neighbours: a contract of imports names it."""

import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
ROOTS = ("agent", "controller", "shared")


def rooms():
    """Return the packages that hold code, by import name."""
    found = set()
    for root in ROOTS:
        for path in (PROJECT / root).rglob("__init__.py"):
            folder = path.parent
            if folder.name not in ROOTS and len(list(folder.glob("*.py"))) > 1:
                found.add(".".join(folder.relative_to(PROJECT).parts))
    return found


def named_rooms():
    """Return what the contracts of layers name."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    found = set()
    for contract in settings["tool"]["importlinter"]["contracts"]:
        for container in contract.get("containers", [""]):
            for layer in contract.get("layers", []):
                for name in layer.split("|"):
                    found.add(f"{container}.{name.strip()}".lstrip("."))
    return found


def test_each_room_is_named_by_a_contract_of_layers():
    assert len(rooms()) > 60
    assert sorted(rooms() - named_rooms()) == []
