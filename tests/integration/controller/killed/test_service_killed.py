"""The whole service killed in the middle of a step, on a real server: the next one goes on where it stopped."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from controller.db import steps
from controller.db.connection.engine import make_engine, reading
from controller.jobs.agent_link.panel_reading import has_cron_line
from controller.panels.local.config_files import exclusive
from controller.panels.local.private_stack.stack import free_port
from shared.job import FOLDER, JOB_FILE, LAUNCHER_FILE
from tests.support.servers.local_server import FILES, LocalServer
from tests.support.state.dead_leases import let_run_out
from tests.support.users.commands import run_within
from tests.support.waiting import wait_until
from tests.support.worlds.agent_box import sample_members, small_manifest, write_bundle

SHOPLAUNCH = str(Path(sys.executable).parent / "shoplaunch")
SECONDS = 400


@pytest.fixture(scope="module")
def server():
    made = LocalServer()
    try:
        yield made.start()
    finally:
        made.stop()


class Installation:
    """A real installation below `folder`, used by its command line alone; `serve` is a process of its own."""

    def __init__(self, folder, server):
        self.home = folder / "home"
        self.home.mkdir()
        self.home.chmod(0o711)
        self.port = free_port()
        self.process = None
        settings = server.stack.local_settings()
        lines = [f'public_url = "http://127.0.0.1:{self.port}"', "[mail]", f'folder = "{folder}/mail"', "[local]"]
        lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items() if name != "php"]
        for row in settings["php"]:
            lines += ["[[local.php]]", *(f"{name} = {json.dumps(value)}" for name, value in row.items())]
        (self.home / "shoplaunch.toml").write_text("\n".join(lines) + "\n")
        self.environment = {**os.environ, "SHOPLAUNCH_HOME": str(self.home)}

    def run(self, *arguments):
        done = run_within(arguments, self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def serve(self):
        with (self.home / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [SHOPLAUNCH, "serve", "--bind", f"127.0.0.1:{self.port}"], env=self.environment,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait_for(self.answers)

    def answers(self):
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            # It listens before it is able to answer
            return False

    def end(self, number):
        """End the service's whole process group."""
        if self.process is not None:
            os.killpg(self.process.pid, number)
            self.process.wait(120)
            self.process = None

    def wait_for(self, condition, between=0.02):
        wait_until(condition, lambda: (self.home / "serve.log").read_text()[-3000:], SECONDS, between)


@pytest.fixture
def installation(tmp_path, server):
    tmp_path.chmod(0o755)
    made = Installation(tmp_path, server)
    yield made
    made.end(signal.SIGKILL)


def database_of(installation):
    return make_engine(f"sqlite:///{installation.home}/shoplaunch.db")


def states_of(installation, job):
    """Return step -> state, read from the database: asking the command line takes longer than a step."""
    with reading(database_of(installation)) as connection:
        return {name: row.state for name, row in steps.of_job(connection, job).items()}


@pytest.mark.sampled(of=3, rests=True)
def test_a_service_killed_in_a_step_goes_on_when_it_is_started_again(server, installation, tmp_path):
    login = installation.json("init")
    assert login["password"]
    assert installation.json("init")["password"] is None
    # Cron may fire in the middle: what it starts has nothing to tell
    (installation.home / "agent" / LAUNCHER_FILE).write_bytes(FILES.launcher)
    members = sample_members()
    write_bundle(tmp_path / "small.bundle", members, small_manifest(members))
    installation.run("bundle", "add", "small", str(tmp_path / "small.bundle"))
    installation.run("server", "add", "here", "--panel", "local")
    user = server.new_user()
    order = ["--server", "here", "--bundle", "small", "--domain", f"{user}.test", "--email", "owner@example.com"]
    job = installation.json("order", *order, "--account", user, "--create-account")["id"]
    # The panel's own lock: the step cannot end before the service is killed
    with exclusive(server.settings().state_folder, "accounts"):
        installation.serve()
        installation.wait_for(lambda: states_of(installation, job)["account"] == "running")
        installation.end(signal.SIGKILL)
        assert states_of(installation, job)["account"] == "running"
    let_run_out(database_of(installation))
    installation.serve()
    installation.wait_for(lambda: states_of(installation, job)["cron"] == "done", 1.0)
    found = installation.json("show", job)
    assert (found["state"] in ("dropped", "restoring"), found["attempt"], found["error"]) == (True, 1, None), found
    account = server.panel().find_account(user)
    assert server.panel().list_folder(account, FOLDER) is not None
    assert server.panel().file_sha256(account, f"{FOLDER}/{JOB_FILE}") is not None
    assert has_cron_line(server.panel(), account, job)
    assert len(server.panel().cron_lines(account)) == 1


@pytest.mark.sampled(of=2, rests=True)
def test_the_service_ends_in_order_when_it_is_asked_to(installation):
    installation.run("init")
    installation.serve()
    installation.process.terminate()
    assert installation.process.wait(120) == 0
    installation.process = None
    assert not installation.answers()
