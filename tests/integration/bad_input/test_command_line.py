"""Whatever is asked wrongly of the command line: a code with advice, JSON where JSON is asked for, no stack."""

import json
import os
import subprocess

import click
import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.cli.terminal.given_file import GivenFile, GivenText
from controller.cli.terminal.output import errors_shown, json_option
from controller.db.connection.engine import transact
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from tests.attacks.table import attack
from tests.support.users.command_tree import commands_of
from tests.support.worlds.web_site import an_order, populate


def leaves(group, before=()):
    """Yield (words, command) of every command below `group`."""
    for name, command in commands_of(group).items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*before, name))
        else:
            yield (*before, name), command


COMMANDS = list(leaves(main))
NAMES = ["-".join(words) for words, _ in COMMANDS]
#: What it prints is in the program itself; or what is wrong with the settings is what it prints.
NEEDS_NO_SETTINGS = [("errors",), ("config", "check")]


def filled(command, file):
    """Return words that give every argument and required option something; `file` is an existing file."""
    words = []
    for one in command.params:
        if not (isinstance(one, click.Argument) or one.required):
            continue
        value = str(file) if isinstance(one.type, click.Path | click.File) else "something"
        if isinstance(one.type, click.types.IntParamType):
            value = "1"
        if isinstance(one.type, click.Choice):
            value = one.type.choices[0]
        words += [value] if isinstance(one, click.Argument) else [one.opts[-1], value]
    return words


@pytest.mark.parametrize(
    "words,command", [pytest.param(*one, id="-".join(one[0])) for one in COMMANDS if one[0] not in NEEDS_NO_SETTINGS]
)
def test_every_command_says_what_is_wrong_with_the_settings(commands, tmp_path, words, command):
    (commands.home / "shoplaunch.toml").write_text('public_url = "unfinished\n')
    (tmp_path / "file").write_text("nothing of use")
    answers = tmp_path / "answers"
    answers.write_text('public_url = "http://127.0.0.1:8000"\noperator_email = "operator@example.com"\n')
    more = {
        ("pack",): ["--dump", tmp_path / "file", "-o", tmp_path / "x.bundle"],
        ("setup",): ["--from", answers],
    }.get(words, [])
    code, _ = commands.refused(*words, *filled(command, tmp_path / "file"), *more)
    assert code == ("docroot_missing" if words == ("pack",) else "config_invalid")


@pytest.mark.parametrize("words,command", COMMANDS, ids=NAMES)
def test_an_option_that_does_not_exist_is_wrong_usage(commands, words, command):
    assert "--no-such" in commands.run(*words, "--no-such", code=2).stderr


@pytest.mark.parametrize(
    "words",
    [
        ("show", "nosuchjob"),
        ("watch", "nosuchjob"),
        ("retry", "nosuchjob"),
        ("retry", "nosuchjob", "--step", "drop"),
        ("cancel", "nosuchjob"),
        ("cancel", "nosuchjob", "--undo"),
        ("certificate", "nosuchjob"),
        ("show", ""),
        ("show", "../../etc/passwd"),
        ("show", "n" * 5000),
        ("show", "کار"),
    ],
    ids=lambda words: "-".join(words)[:40],
)
def test_a_job_nobody_knows_is_unknown(commands, words):
    assert commands.refused(*words)[0] == "job_unknown"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nosuchjob"), "job_unknown"),
        (("certificate", "nosuchjob"), "job_unknown"),
        (("bundle", "show", "nosuchbundle"), "bundle_unknown"),
        (("bundle", "add", "x", "/nonexistent/file"), "bundle_missing"),
        (("server", "check", "nosuchserver"), "server_unknown"),
        (("skeleton", "status", "nosuchserver"), "server_unknown"),
        (("order", "--server", "s", "--bundle", "b", "--domain", "d.example", "--email", "a@b.example"),
         "order_invalid"),
        (("order", "--server", "s", "--bundle", "b", "--domain", "d", "--email", "a@b.example", "--account", "a"),
         "domain_invalid"),
        (("pack", "--docroot", "/nonexistent", "--dump", "/nonexistent", "-o", "/nonexistent/x"), "docroot_missing"),
        (("key", "add", "../x"), "name_invalid"),
    ],
)  # fmt: skip
def test_json_stays_json_when_something_is_wrong(commands, words, code):
    assert commands.refused_json(*words)["code"] == code


@pytest.mark.parametrize("words", [("jobs",), ("bundle", "list"), ("server", "list")])
def test_empty_listings_are_empty_lists(commands, words):
    assert commands.run(*words, "--json", code=0).stdout.strip() == "[]"


@pytest.mark.parametrize("server", ["nosuchserver", "", "../x", "a b"])
@pytest.mark.parametrize("words", [("server", "check"), ("skeleton", "install"), ("skeleton", "remove"),
                                   ("skeleton", "sweep"), ("skeleton", "status")])  # fmt: skip
def test_a_server_nobody_knows_is_unknown(commands, words, server):
    assert commands.refused(*words, server)[0] == "server_unknown"


def test_a_step_nobody_knows_is_named_with_those_there_are(commands):
    service = open_service(load_config(commands.environment))
    transact(service.installation.engine, populate)
    job = service.orders.place(an_order("shop.example.com"), source="test")
    service.installation.engine.dispose()
    code, said = commands.refused("retry", job.id, "--step", "nonsense")
    assert code == "step_unknown"
    assert "nonsense" in said and "database_user" in said


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe not text", b"a.b.c", b"." * 100_000])
def test_a_document_that_is_no_certificate_is_refused_with_advice_that_fits(commands, tmp_path, content):
    (tmp_path / "kept").write_bytes(content)
    code, said = commands.refused("certificate", "--verify", tmp_path / "kept")
    assert code == "certificate_invalid"
    assert "skeleton" not in said


@pytest.mark.parametrize("content", [b"", b"text", b"\x1f\x8b\x08\x00 cut", b"PK\x03\x04"])
def test_a_file_that_is_no_backup_changes_nothing(commands, tmp_path, content):
    (tmp_path / "backup").write_bytes(content)
    before = {path: path.stat().st_mtime_ns for path in commands.home.rglob("*") if "shoplaunch.db" not in path.name}
    assert commands.refused("restore", tmp_path / "backup")[0] == "backup_damaged"
    assert before == {
        path: path.stat().st_mtime_ns for path in commands.home.rglob("*") if "shoplaunch.db" not in path.name
    }


def test_a_backup_that_was_altered_in_the_middle_is_refused(commands, tmp_path):
    commands.run("backup", tmp_path / "backup", code=0)
    data = bytearray((tmp_path / "backup").read_bytes())
    for place in range(20, len(data), 401):
        data[place] ^= 0xFF
    (tmp_path / "backup").write_bytes(bytes(data))
    assert commands.refused("restore", tmp_path / "backup")[0] == "backup_damaged"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("backup", "/nonexistent/folder/file"), "file_error"),
        (("backup", "/proc/file"), "file_error"),
        (("agent", "build", "-o", "/proc/x/agent.pyz"), "file_error"),
        (("agent", "build", "-o", "/tmp/x", "--keys-from", "/bin/ls"), "config_invalid"),
    ],
)
def test_what_the_system_refuses_is_said_with_the_file(commands, words, code):
    assert commands.refused(*words)[0] == code


@pytest.mark.root
def test_a_backup_onto_a_full_disk_leaves_no_half_of_one(commands, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "shoplaunch-test", str(disk)], check=True)
    try:
        (commands.home / "agent" / "agent.pyz").write_bytes(os.urandom(200_000))
        assert commands.refused("backup", disk / "saved")[0] == "disk_full"
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(
    "address", ["", "nonsense", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:http", ":80", "a b:80"]
)
def test_an_address_to_listen_at_that_is_none_is_wrong_usage(commands, address):
    assert "HOST:PORT" in commands.run("serve", "--bind", address, code=2).stderr


def test_an_installation_whose_database_is_damaged_says_so(commands):
    (commands.home / "shoplaunch.db").write_bytes(b"this is no database, it is a text of some length" * 50)
    for words in (("jobs",), ("show", "x"), ("bundle", "list"), ("server", "list")):
        assert commands.refused(*words)[0] == "database_damaged"


@pytest.mark.parametrize("problem", [RuntimeError("pass-word-1"), KeyError("pass-word-1"), ValueError("pass-word-1")])
def test_what_nobody_foresaw_is_internal_and_reveals_no_value(problem):
    @click.command()
    @json_option
    @errors_shown
    def broken(as_json):
        raise problem

    done = CliRunner().invoke(broken, ["--json"])
    assert done.exit_code == 1
    assert '"internal"' in done.stdout
    assert type(problem).__name__ in done.stderr and "test_command_line.py:" in done.stderr
    assert "pass-word-1" not in done.output and "Traceback" not in done.output


@pytest.mark.parametrize(
    ("number", "code"),
    [(28, "disk_full"), (122, "disk_full"), (30, "read_only"), (13, "permission_denied"), (5, "file_error")],
)
def test_refusals_of_the_system_have_codes_of_their_own(number, code):
    @click.command()
    @errors_shown
    def broken():
        raise OSError(number, os.strerror(number), "/some/file")

    done = CliRunner().invoke(broken)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"{code}: /some/file: ")
    assert "What to do: " in done.stderr
    # Root's commands may run as another: who it is that may not
    assert ("for the user " in done.stderr.splitlines()[0]) == (code == "permission_denied")


@pytest.mark.parametrize(
    "words,command", [pytest.param(*one, id="-".join(one[0])) for one in COMMANDS if one[0] != ("pack",)]
)
def test_files_that_are_read_say_for_whom_they_are_closed(words, command):
    # Those of `pack` are root's, as is the command
    read = [one for one in command.params if isinstance(one.type, click.File) or getattr(one.type, "exists", False)]
    assert [one.name for one in read if not isinstance(one.type, GivenFile | GivenText)] == []


def test_a_program_that_stops_reading_is_no_failure_of_the_agent():
    @click.command()
    @errors_shown
    def printing():
        raise BrokenPipeError(32, "Broken pipe")

    done = CliRunner().invoke(printing)
    assert "What to do" not in done.output


def test_a_usage_error_of_a_command_stays_wrong_usage():
    @click.command()
    @errors_shown
    def asked():
        raise click.UsageError("give either")

    assert CliRunner().invoke(asked).exit_code == 2


@attack(
    "an operator adds a cPanel server with the port of cPanel, webmail or unencrypted WHM",
    "the command ends with 1, its code and what to do; it names WHM's port, and no such server is added",
)
@pytest.mark.parametrize(("port", "whose"), [(2082, "cPanel"), (2083, "cPanel"), (2086, "TLS"), (2096, "webmail")])
def test_a_server_is_not_added_with_the_port_of_another_service(commands, tmp_path, port, whose):
    token = tmp_path / "token"
    token.write_text("ABCDEFGHIJ0123456789\n")
    words = ["server", "add", "cp1", "--panel", "cpanel", "--user", "root", "--token-file", token]
    code, said = commands.refused(*words, "--url", f"https://web1.example.net:{port}")
    assert code == "config_invalid" and f"port {port} is for" in said
    assert whose in said and "WHM answers at 2087" in said
    assert json.loads(commands.run("server", "list", "--json", code=0).stdout) == []
    commands.run(*words, "--url", "https://web1.example.net:2087", code=0)
