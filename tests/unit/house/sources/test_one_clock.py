"""What is stored and compared goes by the database's clock: this machine's is read where nobody compares it."""

import ast
from pathlib import Path

CONTROLLER = Path(__file__).parents[4] / "controller"
#: The date a mail bears; a stand-in where somebody makes that channel without the installation's clock; whether an
#: account of this machine is closed today.
MAY_READ_IT = {
    "db/connection/clock.py",
    "billing/mail.py",
    "billing/whmcs/driver.py",
    "panels/local/as_account/start_helper.py",
}
CLOCKS = {("time", "time"), ("datetime", "now"), ("datetime", "utcnow")}


def reads_this_machines_clock(path):
    found = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute))
    return any(isinstance(node.value, ast.Name) and (node.value.id, node.attr) in CLOCKS for node in found)


def test_only_what_nobody_compares_reads_this_machines_clock():
    found = {str(path.relative_to(CONTROLLER)) for path in CONTROLLER.rglob("*.py") if reads_this_machines_clock(path)}
    assert found == MAY_READ_IT
