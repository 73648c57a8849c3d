"""A command loads what it needs: its start is what operators wait for, and what a killed worker costs."""

import subprocess
import sys

import pytest


def loaded(module):
    """Return the names of what `controller.cli.MODULE` has loaded, itself included."""
    code = f"import sys, controller.cli.{module}; print(*sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("module", "others"),
    [
        ("worker", ("flask", "gunicorn", "jinja2", "werkzeug", "rich.console", "controller.web.app")),
        ("worker", ("controller.bundles.pack", "controller.cli.terminal.bars")),
        ("serve", ("controller.bundles.pack", "pydantic")),
        ("orders", ("flask", "gunicorn", "werkzeug", "rich.console", "controller.bundles.pack", "pydantic")),
        *(
            (name, ("flask", "prometheus_client", "controller.jobs.engine", "controller.jobs.intake"))
            for name in ("users", "keys", "agents", "servers.server")
        ),
    ],
)
def test_a_command_loads_nothing_of_what_others_need(module, others):
    found = loaded(module)
    assert f"controller.cli.{module}" in found
    assert [name for name in found if name.startswith(others)] == []
