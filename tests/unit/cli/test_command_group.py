"""The command line loads what the command at hand needs, and knows every command without loading any."""

import importlib
import pkgutil
import subprocess
import sys

import click
import pytest

from controller import cli

#: Libraries of the controller's service, none of which packing needs.
SERVICE = ("sqlalchemy", "alembic", "flask", "controller.network")


def loaded_for(command):
    """Return which of SERVICE a new Python has loaded once it has shown what `command` is."""
    code = f"import sys; from controller.cli import main; main(['{command}', '--help'], standalone_mode=False); "
    code += f"print(*[name for name in {SERVICE!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[-1].split()


def test_packing_loads_nothing_of_the_service():
    assert loaded_for("pack") == []
    assert "sqlalchemy" in loaded_for("order")


def test_large_patterns_are_compiled_when_they_are_first_needed():
    # A tenth of a second each: what judges dumps is nothing to a live database
    code = "import re; sizes = []; real = re._compile\n"
    code += "re._compile = lambda pattern, flags: sizes.append(len(pattern)) or real(pattern, flags)\n"
    code += "from controller.cli import main; main(['pack', '--help'], standalone_mode=False); print(max(sizes))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(said.splitlines()[-1]) < 2000


def test_a_service_looks_for_no_garbage_in_what_it_loads():
    for command, stays in (("worker", True), ("order", False)):
        code = f"import gc; from controller.cli import main; main(['{command}', '--help'], standalone_mode=False); "
        code += "print(gc.get_freeze_count() > 10_000, gc.isenabled())"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert said.splitlines()[-1] == f"{stays} True"


@pytest.mark.parametrize("module", cli.modules())
def test_a_module_adds_the_commands_it_is_listed_with(module):
    group = click.Group()
    importlib.import_module(f"controller.cli.{module}").register(group)
    assert list(group.commands) == list(cli.modules()[module])


def test_every_module_with_commands_is_listed():
    names = {one.name for one in pkgutil.walk_packages(cli.__path__, "controller.cli.") if not one.ispkg}
    modules = {name.removeprefix("controller.cli."): importlib.import_module(name) for name in names}
    assert {name for name, module in modules.items() if hasattr(module, "register")} == set(cli.modules())
