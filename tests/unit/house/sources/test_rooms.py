"""Every room has its place among its neighbours: a contract of imports names it."""

import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[4]
ROOTS = ("agent", "controller", "shared")


def rooms():
    """Return the packages that hold code, and the modules beside the controller's rooms, by import name."""
    found = set()
    for root in ROOTS:
        for path in (PROJECT / root).rglob("__init__.py"):
            folder = path.parent
            if folder.name not in ROOTS and len(list(folder.glob("*.py"))) > 1:
                found.add(".".join(folder.relative_to(PROJECT).parts))
    return found | {f"controller.{path.stem}" for path in (PROJECT / "controller").glob("[!_]*.py")}


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


def test_a_room_that_no_contract_of_layers_names_is_seen(monkeypatch, tmp_path):
    modules = ("agent/a", "agent/base/b", "agent/new/c", "agent/empty/__init__", "controller/jobs/deep/d", "shared/e")
    for module in modules:
        path = tmp_path / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        (path.parent / "__init__.py").touch()
    contract = "[[tool.importlinter.contracts]]\n"
    (tmp_path / "pyproject.toml").write_text(
        f'{contract}layers = ["agent.base | agent.gone"]\n'
        f'{contract}containers = ["controller.jobs"]\nlayers = ["upper", "deep | other"]\n'
        f'{contract}source_modules = ["agent.new"]\nforbidden_modules = ["controller"]\n'
    )
    monkeypatch.setattr(sys.modules[__name__], "PROJECT", tmp_path)
    assert rooms() - named_rooms() == {"agent.new"}
    assert "controller.jobs.deep" in rooms() & named_rooms()
