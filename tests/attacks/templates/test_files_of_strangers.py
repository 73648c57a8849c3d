"""What recipes read of a template may be anything: nobody waits for a pipe, nothing endless comes into memory."""

import ast
import os
from pathlib import Path

import pytest

from controller import recipes
from controller.recipes.location import evidence
from controller.recipes.prestashop.facts import SERIES
from controller.recipes.prestashop.files import tree
from controller.recipes.tree import template_files
from controller.recipes.wordpress.files import config
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.measured import ended

#: Larger than any machine's memory, and yet without a block on the disk.
ENDLESS = 1 << 42


def pipe(path):
    os.mkfifo(path)


def sparse(path):
    with path.open("wb") as stream:
        stream.truncate(ENDLESS)


def device(path):
    path.symlink_to("/dev/zero")


def folder(path):
    path.mkdir()


MADE = {"pipe": pipe, "sparse": sparse, "device": device, "folder": folder}


@attack("A template has a pipe, a device, a folder or an endless file where a configuration should be",
        "it is no configuration, and that is reported")  # fmt: skip
@pytest.mark.parametrize("kind", MADE)
def test_only_plain_files_of_a_size_are_read(tmp_path, kind):
    MADE[kind](tmp_path / "wp-config.php")
    with pytest.raises(OSError):
        template_files.read(tmp_path / "wp-config.php")
    with pytest.raises(ShoplaunchError) as problem:
        config.read(tmp_path)
    assert problem.value.code == "config_unreadable"


@attack("A template has pipes for logs", "they are no logs: nobody waits for what they might say")
def test_a_pipe_is_no_log(tmp_path):
    # Nobody holds it open: to open it as a file would wait for ever
    os.mkfifo(tmp_path / "a.log")
    (tmp_path / "b.log").write_bytes(b"in /home/old/index.php")
    found, _memory = ended(lambda: list(evidence.ends_of_logs(tmp_path, ["*.log"])))
    assert found == [b"in /home/old/index.php"]


@attack("A theme's record in a template is nested deeper than any reader's stack", "it is no record")
def test_a_record_nested_without_end_is_none(tmp_path):
    place = tmp_path / "config" / "themes" / "classic"
    place.mkdir(parents=True)
    (place / "shop1.json").write_text("[" * 500_000)
    assert tree.former_roots(tmp_path, SERIES[-1], [], "") == []


def _readers(path):
    """Yield the lines of a module that open a file by its name."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            module = owner.id if isinstance(owner, ast.Name) else ""
            if called in ("read_bytes", "read_text") or (
                called == "open" and module not in ("os", "tarfile", "zipfile")
            ):
                yield f"{path.name}:{node.lineno}"


def test_recipes_read_a_template_in_one_way_only():
    folder = Path(recipes.__file__).parent
    found = [line for path in sorted(folder.rglob("*.py")) for line in _readers(path)]
    assert found == []
