"""Files that a command is given as text: closed ones, those that are no text, and marks of editors."""

import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from controller.access.operators import add
from controller.cli.terminal.given_file import GivenText
from controller.cli.users import _password
from shared.errors import ShoplaunchError

#: As the package's user runs it; `main` says what it was given.
READS = """
import click
from controller.cli.terminal.given_file import GivenText
@click.command()
@click.option("--file", type=GivenText())
def main(file):
    click.echo(file.read())
main()
"""


@pytest.fixture
def given(tmp_path):
    def made(content):
        path = tmp_path / "given"
        path.write_bytes(content)
        return path

    return made


@pytest.fixture
def closed():
    """A folder that nobody but its owner may enter, where everybody may look for it."""
    with tempfile.TemporaryDirectory(prefix="shoplaunch-given-") as folder:
        Path(folder).chmod(0o700)
        yield Path(folder)


@pytest.mark.root
def test_a_file_that_is_closed_to_the_commands_user_is_named_with_what_helps(closed):
    (closed / "password").write_text("secret")
    nobody = pwd.getpwnam("nobody")
    done = subprocess.run(
        [sys.executable, "-c", READS, "--file", str(closed / "password")], cwd=Path(__file__).resolve().parents[4],
        check=False, capture_output=True, text=True, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
        env={**os.environ, "HOME": "/", "COLUMNS": "400"},
    )  # fmt: skip
    assert done.returncode == 2 and "secret" not in done.stdout
    assert str(closed) in done.stderr and "nobody" in done.stderr


def test_the_mark_that_some_editors_put_before_a_text_is_not_part_of_it(given):
    @click.command()
    @click.option("--file", type=GivenText())
    def main(file):
        click.echo(_password(file)[0])

    found = CliRunner().invoke(main, ["--file", str(given(b"\xef\xbb\xbfa long password\r\n"))])
    assert found.output == "a long password\n"


def test_a_password_that_is_no_text_is_refused_without_a_word_of_it(given):
    with given(b"\xff\xfe secret").open(encoding="utf-8") as stream, pytest.raises(ShoplaunchError) as problem:
        _password(stream)
    assert problem.value.code == "login_invalid" and "secret" not in problem.value.message


def test_a_password_of_several_lines_that_nobody_could_type_is_refused():
    with pytest.raises(ShoplaunchError, match="one line"):
        add(None, "nora", "a long password\nand more of it", "operate")
