"""What others write makes no line of its own in a log or at a terminal, and commands no terminal."""

import json
import os
import subprocess
import sys
import textwrap

import pytest
import requests
from gunicorn.config import Config

from agent.base.log import Log
from controller.jobs.record.sealed_values import sealed
from controller.panels.local.private_stack.stack import free_port
from controller.web.server.server_log import ServerLog
from shared.job import AGENT_FILE, LAUNCHER_FILE
from tests.attacks.table import attack
from tests.support.waiting import wait_until
from tests.support.worlds.web_site import Site

ENTRY = "2027-01-15 08:00:00,000 CRITICAL root: forged"
WORDS = f"x\n{ENTRY}\r{ENTRY}\x85{ENTRY}\u2028{ENTRY}\u2029{ENTRY}\x1b[2J\x9b31m\u202e\u2066\x07"
NEVER = set(WORDS) - set(ENTRY) - set("x[2J31m\n")
#: Begins in the process of the command: a step that quotes others in its errors, a page that fails.
TROUBLE = """
    import json, os, sys, threading
    from controller.jobs.steps import account
    from shared.errors import ShoplaunchError
    WORDS = json.loads(os.environ["WORDS"])
    def quoting(work):
        raise ShoplaunchError("panel_refused", WORDS)
    def unforeseen(work):
        if work.job.order.get("first_name") != "known":
            try:
                raise OSError(5, WORDS, WORDS)
            except OSError as error:
                raise RuntimeError(WORDS) from error
        quoting(work)
    account.run = unforeseen
    from controller.web import app
    made = app.create_app
    def create(config):
        found = made(config)
        found.before_request(lambda: failing_page())
        return found
    def failing_page():
        from flask import request
        if request.path.startswith("/trouble"):
            raise RuntimeError(WORDS)
    app.create_app = create
    from controller.cli import serve
    serve.create_app = create
    from controller.cli import main
    main()
"""


def harmless(text):
    """Return the lines of `text`, of which none is the forged entry and none commands the terminal."""
    lines = text.splitlines()
    assert not [line for line in lines if line.lstrip().startswith(ENTRY)], text
    assert not set(text) & NEVER, text
    return lines


@pytest.fixture
def house():
    with Site() as made:
        agent = made.home / "agent"
        agent.mkdir(exist_ok=True)
        for name in (LAUNCHER_FILE, AGENT_FILE):
            (agent / name).touch()
        yield made


@pytest.fixture
def started(house):
    """What starts a command with trouble in its process, and returns (process, what returns its output so far)."""
    running = []
    log = house.home / "output"

    def start(*words, **variables):
        environment = {**os.environ, **house.environment, "WORDS": json.dumps(WORDS), **variables}
        command = [sys.executable, "-c", textwrap.dedent(TROUBLE), *words]
        with log.open("wb") as stream:
            running.append(subprocess.Popen(command, env=environment, stdout=stream, stderr=stream))
        return running[-1], lambda: log.read_text("utf-8", "replace")

    yield start
    for process in running:
        process.terminate()
        process.wait(60)


@attack("a panel's answer, or an error nobody foresaw, quotes lines of a log, and a worker logs it",
        "each entry is one line, and no line of the traceback below passes for one")  # fmt: skip
def test_a_workers_log_is_not_forged(house, started):
    known, unforeseen = house.order("known.example", first_name="known"), house.order("unforeseen.example")
    for job in (known, unforeseen):
        private = sealed(house.service.installation.keys, {"db.password": "p" * 16})
        house.put(job, "preparing", wake_at=0.0, **private)
    _process, output = started("worker")
    refused, broken = f"{known.id}: step account: panel_refused: x\\n{ENTRY}", f"RuntimeError: x\\n{ENTRY}"
    wait_until(lambda: refused in output() and broken in output(), output)
    lines = harmless(output())
    assert [line for line in lines if refused in line]
    # A traceback keeps its lines
    assert "Traceback (most recent call last):" in lines
    assert [line for line in lines if line.startswith(broken)]


@attack("a panel's answer quotes lines of a log that is in JSON, or the end of an entry",
        "each entry is one line of JSON, and names the job it is about")  # fmt: skip
def test_a_workers_log_in_json_is_not_forged(house, started):
    known = house.order("known.example", first_name="known")
    house.put(known, "preparing", wake_at=0.0, **sealed(house.service.installation.keys, {"db.password": "p" * 16}))
    _process, output = started("worker", SHOPLAUNCH_LOG_FORMAT="json")
    wait_until(lambda: "panel_refused" in output().rpartition("\n")[0], output)
    entries = [json.loads(line) for line in harmless(output().rpartition("\n")[0])]
    refused = next(one for one in entries if "panel_refused" in one["message"])
    assert refused["message"].endswith(WORDS)
    assert (refused["job"], refused["server"], refused["attempt"]) == (known.id, known.server, 1)


@attack("somebody asks for an address that holds a line of a log, and the page fails",
        "the service's log has one entry of it")  # fmt: skip
def test_a_services_log_is_not_forged(house, started):
    port = free_port()
    _process, output = started("serve", "--no-worker", "--bind", f"127.0.0.1:{port}")
    wait_until(lambda: "Listening" in output(), output)
    forged = requests.utils.quote(WORDS)
    answer = requests.get(f"http://127.0.0.1:{port}/trouble/{forged}", timeout=60)
    assert answer.status_code == 500
    wait_until(lambda: "RuntimeError: x" in output(), output)
    assert [line for line in harmless(output()) if "Exception on /trouble/x" in line or "/trouble" in line]


@attack("somebody's request is quoted by the web server itself", "its log has one entry of it")
def test_the_web_servers_own_entries_are_lines(capfd):
    own = ServerLog(Config())
    own.error("Error handling request %s", WORDS)
    try:
        raise RuntimeError(WORDS)
    except RuntimeError:
        own.exception("Error handling request")
    lines = harmless(capfd.readouterr().err)
    assert [line for line in lines if f"[ERROR] Error handling request x\\n{ENTRY}" in line]
    # Time and process as gunicorn writes them
    assert lines[0].startswith("[20") and f"[{os.getpid()}]" in lines[0]


@attack("an error's message quotes lines of a command's output", "none of its lines passes for one")
def test_a_commands_failure_is_not_forged(house):
    job = house.order("quoted.example")
    house.fail(job, "account", "panel_refused", f"x\nWhat to do: run this\r{WORDS}")
    for words in (["show", job.id], ["watch", job.id], ["show", job.id, "--json"], ["jobs"]):
        done = subprocess.run(
            [sys.executable, "-c", "from controller.cli import main; main()", *words],
            env={**os.environ, **house.environment}, capture_output=True, text=True,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert not set(said) & NEVER, said
        assert not [line for line in said.splitlines() if line.startswith((ENTRY, "What to do: run this"))], said
        if "--json" in words:
            assert json.loads(done.stdout)["error"]["message"].startswith("x\nWhat to do")


@attack("a file in the account is called like lines of the agent's log", "the log has one line of it")
def test_an_agents_log_is_not_forged(tmp_path):
    log = Log(str(tmp_path))
    log.info("not taken back: %s", WORDS)
    log.info(WORDS * 100)
    for lines in (harmless((tmp_path / "agent.log").read_text("utf-8")), log.tail()):
        assert len(lines) == 2 and all(len(line) < 1100 for line in lines)
        harmless("\n".join(lines))


@attack("a job file or the state in an account quotes lines, and the agent's commands print that",
        "each value is one line")  # fmt: skip
def test_what_an_agents_commands_print_is_not_forged(tmp_path):
    state = {"job": WORDS, "status": "failed", "stage": WORDS}
    error = {"code": "file_error", "message": WORDS, "advice": WORDS}
    (tmp_path / "state.json").write_text(json.dumps({**state, "error": error}))
    code = "import sys; sys.path.insert(0, sys.argv[1]); from agent.run.command_line import main; main(['status'])"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "agent.pyz")], capture_output=True, text=True)
    assert len(harmless(done.stdout)) == 7, done
