"""`shoplaunch setup`: asks or is given a file, checks each answer, may be interrupted and repeated."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from click.testing import CliRunner

from controller.cli import main
from controller.panels.local.private_stack.stack import free_port
from controller.settings.loading import load_config
from controller.setup import installation, inventory
from controller.setup.first_run import installing
from tests.support.users.terminal import at_terminal

PROJECT = Path(__file__).resolve().parents[4]
SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
EMAIL = "op@example.com"


class Quiet:
    """Takes every mail; none may come."""

    async def handle_DATA(self, _server, _session, _envelope):
        raise AssertionError("nobody sends a mail")


@pytest.fixture(scope="module")
def port():
    made = Controller(Quiet(), hostname="127.0.0.1", port=free_port(), ready_timeout=120)
    made.start()
    yield made.port
    made.stop()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run `setup --from` with answers, as TOML or a dict; the agent is not built."""
    monkeypatch.setattr(installing, "agent_problem", lambda _config: None)

    def call(answers, *words, **environment):
        file = tmp_path / "answers"
        file.write_text(answers if isinstance(answers, str) else json.dumps(answers))
        known = {"SHOPLAUNCH_HOME": str(tmp_path / "home"), **environment}
        return CliRunner().invoke(main, ["setup", "--from", str(file), *words], env=known)

    return call


def config_of(tmp_path):
    return load_config({"SHOPLAUNCH_HOME": str(tmp_path / "home")})


def toml(port):
    return f'public_url = "http://localhost:8000"\noperator_email = "{EMAIL}"\n[mail]\nport = {port}\n'


def test_a_file_of_answers_makes_an_installation_and_a_second_time_changes_nothing(run, tmp_path, port):
    done = run(toml(port), "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 0 and said["password"] and said["next"] == "shoplaunch serve" and said["missing"] == []
    config = config_of(tmp_path)
    assert (config.public_url, config.mail.operator, config.mail.port) == ("http://localhost:8000", EMAIL, port)
    before = config.file.read_bytes()
    again = json.loads(run(as_json(port), "--json").stdout)
    assert again["password"] is None and again["user"] == said["user"] and config.file.read_bytes() == before


def as_json(port):
    return {"public_url": "http://localhost:8000", "operator_email": EMAIL, "mail": {"port": port}}


def test_a_password_is_shown_before_it_counts(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(installation, "set_operator", lambda *_given: shown.append("set"))
    monkeypatch.setenv("SHOPLAUNCH_HOME", str(tmp_path / "home"))
    installing.begin()
    installing.make(lambda name, password: shown.append((name, bool(password))), "admin")
    assert shown == [("admin", True), "set"]


def test_everything_that_is_wrong_is_named_at_once_and_nothing_is_changed(run, tmp_path):
    done = run({"public_url": "http://nowhere.example", "operator_email": "nobody", "mail": {"port": free_port()}})
    assert done.exit_code == 1 and done.stderr.startswith("answers_invalid")
    for word in ("public_url must be https", "operator_email", "mail: 127.0.0.1"):
        assert word in done.stderr
    assert not (tmp_path / "home").exists()
    done = run('operator_emial = "x"\npublic_url = 1\n[mail]\nport = "x"\n[server]\nname = "w"\n')
    for word in ("operator_emial is unknown; did you mean operator_email?", "public_url must be", "mail.port", "panel"):
        assert word in done.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("answers", ["= no toml", "{", "\udcff"], ids=["toml", "json", "bytes"])
def test_what_is_no_file_of_answers_is_refused(run, tmp_path, answers):
    (tmp_path / "raw").write_bytes(answers.encode("utf-8", "surrogateescape"))
    done = CliRunner().invoke(main, ["setup", "--from", str(tmp_path / "raw")])
    assert done.exit_code == 1 and done.stderr.startswith("answers_invalid")
    done = CliRunner().invoke(main, ["setup", "--from", "-"], input=answers.encode("utf-8", "surrogateescape"))
    assert done.exit_code == 1 and "standard input" in done.stderr


def test_without_a_terminal_and_without_a_file_it_says_what_it_needs(tmp_path):
    done = CliRunner().invoke(main, ["setup"], env={"SHOPLAUNCH_HOME": str(tmp_path / "home")})
    assert done.exit_code == 2 and "--from FILE" in done.stderr and not (tmp_path / "home").exists()


def test_what_cannot_be_reached_yet_is_taken_when_that_is_asked_for(run, tmp_path):
    answers = {"public_url": "https://c.invalid", "operator_email": EMAIL, "mail": {"port": free_port()}}
    assert run(answers).exit_code == 1
    assert run(answers, "--unchecked").exit_code == 0
    config = config_of(tmp_path)
    assert config.public_url == "https://c.invalid" and config.trusted_proxies == 1


def test_an_answer_that_would_not_count_is_refused(run, tmp_path, port):
    done = run(toml(port), SHOPLAUNCH_PUBLIC_URL="http://127.0.0.1:1")
    assert done.exit_code == 1 and "SHOPLAUNCH_PUBLIC_URL" in done.stderr


def test_a_server_that_lacks_what_shops_need_is_not_added_and_all_else_is_there(run, tmp_path, port):
    answers = toml(port) + '[server]\nname = "web1"\npanel = "local"\n'
    broken = {"SHOPLAUNCH_LOCAL__MARIADB_SOCKET": "/nowhere/socket"}
    done = run(answers, **broken)
    assert done.exit_code == 3 and "server_unready" in done.stderr and "/nowhere/socket" in done.stderr
    assert inventory.list_servers(config_of(tmp_path)) == []
    for _again in range(2):
        assert run(answers, "--unchecked", **broken).exit_code == 0
    assert [row.name for row in inventory.list_servers(config_of(tmp_path))] == ["web1"]


def test_at_a_terminal_each_answer_is_checked_at_once_and_asked_for_again(tmp_path, port):
    environment = {**os.environ, "SHOPLAUNCH_HOME": str(tmp_path / "home")}
    nowhere = free_port()
    code, shown = at_terminal(
        [SHOPLAUNCH, "setup"],
        environment,
        [
            ("Public address", "http://c.example"),
            ("must be https", "http://localhost:8000"),
            ("e-mail", "nobody"),
            ("email_invalid", EMAIL),
            # A digit that is no number; the next question comes all the same
            ("Mail server", "127.0.0.1:²"),
            ("STARTTLS", "n"),
            ("User there", ""),
            ("Sender", ""),
            ("Keep it", "n"),
            ("Mail server", f"127.0.0.1:{nowhere}"),
            ("STARTTLS", "n"),
            ("User there", ""),
            ("Sender", ""),
            ("Keep it", "n"),
            ("Mail server", f"127.0.0.1:{port}"),
            ("STARTTLS", "n"),
            ("User there", ""),
            ("Sender", ""),
            ("first server", ""),
        ],
        columns=200,
    )
    assert code in (0, 3) and "Password: " in shown and "Next: `shoplaunch serve`" in shown
    config = config_of(tmp_path)
    assert (config.public_url, config.mail.operator, config.mail.port) == ("http://localhost:8000", EMAIL, port)


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("moment", [1, 4, "operator"])
def test_killed_at_any_moment_it_is_run_again_and_nothing_is_lost(run, tmp_path, port, moment):
    (tmp_path / "first").write_text(toml(port))
    code = f"from {__name__} import die; die({moment!r}, {str(tmp_path / 'first')!r})"
    environment = {**os.environ, "SHOPLAUNCH_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=PROJECT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert run(toml(port)).exit_code == 0
    config = config_of(tmp_path)
    assert config.mail.operator == EMAIL and installation.operators(config) == ["admin"]


def die(moment, file):
    """Run `setup`, and kill this process at the n-th file that is written durably, or as the operator is added."""
    seen, fsync = [], os.fsync

    def count(descriptor):
        seen.append(descriptor)
        if len(seen) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    os.fsync = count
    if moment == "operator":
        installation.set_operator = lambda *_given: os.kill(os.getpid(), signal.SIGKILL)
    main(["setup", "--from", file])
