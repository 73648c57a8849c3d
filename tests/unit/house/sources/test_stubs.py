"""Stubs obey the contracts of imports: import-linter reads no `*.pyi`, and finds no module where only a stub is."""

import ast
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
ROOTS = ("agent", "controller", "shared")


def name_of(path):
    """Return a module's import name."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files(ending):
    return {name_of(path): path for root in ROOTS for path in sorted((PROJECT / root).rglob(f"*.{ending}"))}


STUBS = files("pyi")


def imports(text):
    """Return the modules, or names in them, that a module's text imports, wherever the import stands."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "by the whole name"
            found |= {f"{node.module}.{one.name}" for one in node.names}
    return {name for name in found if name.split(".")[0] in ROOTS}


def is_within(name, package):
    return name == package or name.startswith(f"{package}.")


def contracts(kind):
    """Return import-linter's contracts of that kind."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    return [one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == kind]


def layers(contract):
    """Yield the layers of each container, the highest first: the packages beside one another in it."""
    for container in contract.get("containers", [""]):
        yield [
            [f"{container}.{name.strip()}".lstrip(".") for name in layer.split("|")] for layer in contract["layers"]
        ]  # fmt: skip


def place(name, floors):
    """Return (number of the layer, package) in which a module lies, None when it lies in none."""
    return next(((number, one) for number, floor in enumerate(floors) for one in floor if is_within(name, one)), None)


def points_up(importer, imported):
    """Return the contracts that forbid the one module to import the other."""
    found = [
        one["name"]
        for one in contracts("forbidden")
        if any(is_within(importer, source) for source in one["source_modules"])
        and any(is_within(imported, other) for other in one["forbidden_modules"])
    ]
    for contract in contracts("layers"):
        for floors in layers(contract):
            high, low = place(importer, floors), place(imported, floors)
            if high and low and high[1] != low[1] and low[0] <= high[0]:
                found.append(contract["name"])
    return found


@pytest.mark.parametrize("stub", STUBS)
def test_a_stub_imports_nothing_from_above(stub):
    assert {
        name: points_up(stub, name) for name in imports(STUBS[stub].read_text("utf-8")) if points_up(stub, name)
    } == {}


def test_nobody_imports_a_stub_from_above():
    found = []
    for importer, path in files("py").items():
        text = path.read_text("utf-8")
        if any(stub in text for stub in STUBS):
            named = {name for name in imports(text) if any(is_within(name, stub) for stub in STUBS)}
            found += [(importer, name, points_up(importer, name)) for name in named if points_up(importer, name)]
    assert found == []


def test_a_stub_has_no_module_of_its_name_beside_it():
    assert STUBS.keys() & files("py").keys() == set()
    assert len(STUBS) > 5


@pytest.mark.parametrize(
    ("importer", "imported", "is_seen"),
    [
        ("agent.database.work", "agent.run.stage.Stage", True),
        ("agent.tree.work", "agent.session.context.Context", True),
        ("agent.session.context", "agent.tree.work.Work", False),
        ("agent.tree.work", "agent.tree.staging", False),
        ("shared.documents", "agent.base.log", True),
        ("agent.base.protocols", "controller.db.jobs.Job", True),
        ("controller.panels.cpanel.x", "controller.panels.local.y", True),
        ("controller.billing.x", "controller.panels.y", True),
        ("controller.web.x", "controller.keys", True),
        ("agent.run.stage", "shared.documents.Job", False),
    ],
)
def test_an_import_that_points_up_or_aside_is_seen(importer, imported, is_seen):
    assert bool(points_up(importer, imported)) is is_seen


def test_imports_are_found_in_blocks_and_functions_too():
    text = "import os, agent.base.log\nif MYPY:\n    from shared.job import A, B\ndef f():\n    import shared.schema"
    assert imports(text) == {"agent.base.log", "shared.job.A", "shared.job.B", "shared.schema"}
