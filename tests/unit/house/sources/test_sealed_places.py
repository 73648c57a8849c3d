"""Whatever is sealed with the installation's keys and stored is known to `key retire`: after it, it is readable."""

import ast
from pathlib import Path

from controller.db.tables import metadata
from controller.setup.key_retirement import SEALED

CONTROLLER = Path(__file__).parents[4] / "controller"
#: Functions that seal -> where that is stored; (): nowhere.
STORED = {
    "access.billing_keys.add": (("api_keys", "secret_encrypted", ""),),
    "access.billing_keys.renew": (("api_keys", "secret_encrypted", ""),),
    "access.second_factor._give": (("operators", "totp_encrypted", ""),),
    # In a page's form, until the operator's app has shown a code
    "access.second_factor.offer": (),
    "jobs.lifecycle.late_removals.at_risk": (("jobs", "facts", "kept_line"),),
    "jobs.record.sealed_values.sealed": (("jobs", "secrets_encrypted", ""),),
    "setup.inventory.seal": (("servers", "token_encrypted", ""), ("servers", "settings", "cpanel_token")),
}
#: They have an `encrypt` of their own, for connections and files.
_OTHERS = ("network", "backups")


def sealing(path):
    """Yield the names of the functions in the file that encrypt a text."""
    module = ".".join(path.relative_to(CONTROLLER).with_suffix("").parts)
    for function in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
            if any(isinstance(call, ast.Attribute) and call.attr in ("encrypt", "sealed_anew") for call in calls):
                yield f"{module}.{function.name}"


def test_everything_that_is_sealed_and_stored_is_sealed_anew():
    files = [path for path in CONTROLLER.rglob("*.py") if path.relative_to(CONTROLLER).parts[0] not in _OTHERS]
    found = {name for path in files for name in sealing(path)}
    itself = {"keys.encrypt", "keys.sealed_anew", "setup.key_retirement._anew"}
    assert found - itself == set(STORED), "say where it is stored, here and in key_retirement.SEALED"
    assert {place for places in STORED.values() for place in places} == set(SEALED)


def test_every_sealed_column_is_known():
    known = {(table, column) for table, column, _member in SEALED}
    columns = {(table.name, column.name) for table in metadata.sorted_tables for column in table.c}
    assert {(table, name) for table, name in columns if "encrypted" in name} - known == set()
