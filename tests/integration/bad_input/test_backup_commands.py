"""`backup` and `restore` as an operator calls them: standard output, passphrases, terminals, files that are there."""

import contextlib
import os
import pty
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

WORD = "correct horse battery staple"


def shoplaunch(commands, *words, **more):
    """Run the command in a process of its own."""
    command = [str(Path(sys.executable).with_name("shoplaunch")), *map(str, words)]
    return subprocess.Popen(command, env={**os.environ, **commands.environment}, **more)


def test_a_terminal_gets_no_backup(commands, tmp_path):
    ours, theirs = pty.openpty()
    process = shoplaunch(commands, "backup", "-", stdout=theirs, stderr=subprocess.PIPE, cwd=tmp_path)
    os.close(theirs)
    said = process.communicate(timeout=120)[1].decode()
    os.close(ours)
    assert process.returncode == 2 and "terminal" in said
    assert list(tmp_path.iterdir()) == [commands.home]


@pytest.mark.parametrize("words", [("migrate",), ("backup", "{}")])
def test_who_waits_at_a_terminal_sees_it_get_on(commands, tmp_path, words):
    ours, theirs = pty.openpty()
    environment = {**os.environ, **commands.environment, "TERM": "xterm", "PIP_NO_INDEX": "1"}
    command = [str(Path(sys.executable).with_name("shoplaunch")), *(word.format(tmp_path / "saved") for word in words)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = rest(ours)
    os.close(ours)
    process.wait(120)
    assert b"the database" in said and "━".encode() in said


@pytest.mark.parametrize("how", ["file", "variable"])
def test_a_sealed_backup_opens_with_its_passphrase_alone(commands, tmp_path, how):
    (tmp_path / "word").write_text(WORD + "\n")
    (tmp_path / "other").write_text("another one")
    option = ("--passphrase-file", tmp_path / "word") if how == "file" else ()
    variable = {} if how == "file" else {"SHOPLAUNCH_BACKUP_PASSPHRASE": WORD}
    saved = tmp_path / "saved"
    commands.run("backup", saved, *option, code=0, **variable)
    signing = (commands.home / "keys" / "signing").read_bytes().strip()
    assert signing not in saved.read_bytes() and not tarfile.is_tarfile(saved)
    commands.run("backup", "--verify", saved, *option, code=0, **variable)
    assert commands.refused("restore", saved)[0] == "passphrase_missing"
    assert commands.refused("restore", saved, "--passphrase-file", tmp_path / "other")[0] == "passphrase_wrong"
    commands.run("restore", saved, *option, code=0, **variable)
    assert (commands.home / "keys" / "signing").read_bytes().strip() == signing


@pytest.fixture
def named(commands, tmp_path):
    """Where the settings say that the passphrase is."""
    settings = commands.home / "shoplaunch.toml"
    settings.write_text(f'backup_passphrase_file = "{tmp_path}/named"\n{settings.read_text()}')
    return tmp_path / "named"


def test_the_settings_name_the_passphrase_of_every_backup(commands, tmp_path, named):
    # As the timer calls it
    named.write_text(WORD + "\n")
    commands.run("backup", tmp_path / "saved", code=0)
    assert not tarfile.is_tarfile(tmp_path / "saved")
    assert WORD.encode() not in tmp_path.joinpath("saved").read_bytes()
    commands.run("backup", "--verify", tmp_path / "saved", code=0)
    # The same file opens it on a machine whose settings name none
    (commands.home / "shoplaunch.toml").unlink()
    assert commands.refused("restore", tmp_path / "saved")[0] == "passphrase_missing"
    commands.run("restore", tmp_path / "saved", "--passphrase-file", named, code=0)


def test_what_a_command_is_given_goes_over_the_settings_passphrase(commands, tmp_path, named):
    named.write_text("another one")
    (tmp_path / "word").write_text(WORD)
    variable = {"SHOPLAUNCH_BACKUP_PASSPHRASE": WORD}
    commands.run("backup", tmp_path / "saved", "--passphrase-file", tmp_path / "word", code=0)
    assert commands.refused("backup", "--verify", tmp_path / "saved")[0] == "passphrase_wrong"
    commands.run("backup", "--verify", tmp_path / "saved", code=0, **variable)
    commands.run("backup", tmp_path / "also", code=0, **variable)
    commands.run("backup", "--verify", tmp_path / "also", "--passphrase-file", tmp_path / "word", code=0)


@pytest.mark.parametrize(
    ("content", "code"), [(None, "file_error"), (b"", "passphrase_missing"), (b"\xff\xfe", "passphrase_missing")],
    ids=["missing", "empty", "no text"],
)  # fmt: skip
def test_without_the_passphrase_that_the_settings_name_there_is_no_backup(commands, tmp_path, named, content, code):
    if content is not None:
        named.write_bytes(content)
    said, _ = commands.refused("backup", tmp_path / "saved")
    assert said == code and not (tmp_path / "saved").exists()


def answer(terminal, question):
    """Type the passphrase once it is asked for; return what was shown until then."""
    said = b""
    while not said.endswith(question):
        said += os.read(terminal, 1)
    os.write(terminal, f"{WORD}\n".encode())
    return said


def rest(terminal):
    """Return what is shown until the other side closes."""
    said = b""
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 1000):
            said += data
    return said


def test_a_passphrase_is_asked_for_at_a_terminal_and_not_shown(commands, tmp_path):
    saved = tmp_path / "saved"
    ours, theirs = pty.openpty()
    process = shoplaunch(
        commands, "backup", saved, "--encrypt", stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said = answer(ours, b"Passphrase: ") + answer(ours, b"confirmation: ") + rest(ours)
    os.close(ours)
    assert process.wait(120) == 0, said
    assert WORD.encode() not in said
    (tmp_path / "word").write_text(WORD)
    commands.run("backup", "--verify", saved, "--passphrase-file", tmp_path / "word", code=0)


def test_nobody_to_ask_is_said(commands, tmp_path):
    assert commands.refused("backup", tmp_path / "saved", "--encrypt")[0] == "passphrase_missing"
    assert list(tmp_path.iterdir()) == [commands.home]


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_passphrase_is_none(commands, tmp_path, content):
    (tmp_path / "word").write_text(content)
    code, _ = commands.refused("backup", tmp_path / "saved", "--passphrase-file", tmp_path / "word")
    assert code == "passphrase_missing"
    assert not (tmp_path / "saved").exists()


def test_no_option_takes_a_passphrase_as_a_word(commands):
    for command in ("backup", "restore"):
        assert "--passphrase " not in commands.run(command, "--help", code=0).stdout


def test_verify_says_what_is_no_backup(commands, tmp_path):
    (tmp_path / "text").write_text("hello")
    assert commands.refused("backup", "--verify", tmp_path / "text")[0] == "backup_damaged"
    commands.run("backup", "--verify", tmp_path / "nothing", code=2)
    assert not (tmp_path / "nothing").exists()
