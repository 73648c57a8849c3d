"""What is printed where Python writes no UTF-8: every letter, or its escape."""

import os
import subprocess
import sys

import pytest

from controller.agent_archive.locations import PROJECT

SAYS = r"""
import click
from controller.cli import main
from controller.cli.terminal.bars import console
@main.command()
def said():
    click.echo("\u2713 \u0633\u00e9 \udcff")
    click.echo("\u2717", err=True)
    console().print("\u2713 bars")
main(["said"])
"""


@pytest.mark.parametrize(
    ("environment", "encoding", "echoed", "mark", "drawn"),
    [
        # click itself takes a stream of ASCII for a mistake and writes UTF-8
        ({"PYTHONIOENCODING": "ascii"}, "utf-8", "✓ سé ?", "✗", r"\u2713 bars"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "utf-8", "✓ سé ?", "✗", r"\u2713 bars"),
        ({"PYTHONIOENCODING": "latin-1"}, "latin-1", "\\u2713 \\u0633é \\udcff", r"\u2717", r"\u2713 bars"),
        ({"PYTHONIOENCODING": "utf-8"}, "utf-8", "✓ سé \\udcff", "✗", "✓ bars"),
    ],
    ids=["ASCII", "the locale C", "Latin 1", "UTF-8"],
)
def test_every_letter_is_written_or_its_escape(environment, encoding, echoed, mark, drawn):
    done = subprocess.run(
        [sys.executable, "-c", SAYS], env={**os.environ, "PYTHONPATH": str(PROJECT), **environment}, check=False,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding).splitlines() == [echoed, drawn]
    assert done.stderr.decode(encoding).splitlines() == [mark]
