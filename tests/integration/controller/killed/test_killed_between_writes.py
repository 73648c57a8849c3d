"""The controller killed right before and right after each of its writes: the next one ends in the same living shop."""

import json
import multiprocessing
import shutil
import signal

import pytest

from controller.db.connection.engine import make_engine, reading
from controller.db.machines import slots
from controller.db.migrate import upgrade
from controller.jobs.lifecycle import lease
from shared.job import cron_line
from tests.integration.controller import mortal
from tests.support.clock import START
from tests.support.waiting import wait_until
from tests.support.worlds.world import World

#: The kills are shared out, so that a failure tells more than one.
SHARES = 4
SECONDS = 300
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.integration.controller.mortal"])


class Pages(dict):
    """What the controller's process says the shop answers."""

    def __init__(self, pages):
        super().__init__(pages)
        self.path = None

    def get(self, path, default=None):
        reported = json.loads(self.path.read_text()) if self.path.exists() else {}
        if path in reported:
            status, headers, body = reported[path]
            return status, headers, body.encode()
        return super().get(path, default)


class Installation:
    """An installation to be copied, in `folder`, and the site of its shops."""

    def __init__(self, folder):
        self.folder = folder / "first"
        self.folder.mkdir()
        engine = make_engine(f"sqlite:///{self.folder}/state.db")
        upgrade(engine)
        self._world = World(self.folder, engine)
        engine.dispose()
        self.pages = self._world.site.pages = Pages(self._world.site.pages)
        self.port = self._world.site.port
        self._copies = 0

    def close(self):
        self._world.close()

    def copy(self):
        """Return the folder of a new installation."""
        self._copies += 1
        made = self.folder.parent / f"copy{self._copies}"
        shutil.copytree(self.folder, made)
        self.pages.path = made / "pages.json"
        return made

    def run(self, folder, now=START, number=0, when=""):
        """Let a controller work there; return what its process ended with."""
        process = PROCESSES.Process(target=mortal.run, args=(folder, now, self.port, number, when))
        process.start()
        process.join(SECONDS)
        return process.exitcode


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("mortal"))
    yield made
    made.close()


def outcome(folder, port):
    """Return what must be the same, whatever happened: (status, panel, messages)."""
    world = mortal.Mortal(folder, START, port)
    (job,) = world.service.jobs.listed()
    status = world.service.jobs.status(job)
    steps = [(step["name"], step["state"]) for step in status["steps"]]
    kept = world.panel.kept()
    assert world.service.jobs.certificate(job.id)
    reported = [json.loads(line) for line in (folder / "mail").read_text().splitlines()]
    assert cron_line(job.id) not in kept["crontabs"]["alice"]
    facts = (job.state, status["percent"], status["error"], job.secrets_encrypted, steps)
    # How often, see `mails`
    reported = {"the address" if line == status["admin_url"] else str(line) for line in reported}
    world.engine.dispose()
    panel = {name: sorted(kept[name]) for name in ("accounts", "databases", "users", "grants")}
    return facts, panel, kept["crontabs"]["alice"], reported


def mails(folder):
    """Return how many messages were handed over, the same ones too."""
    path = folder / "mail"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture(scope="module")
def undisturbed(installation):
    """(how many writes there are, the outcome)."""
    folder = installation.copy()
    assert installation.run(folder) == 0
    found = outcome(folder, installation.port)
    assert found[0][0] == "live" and found[3] == {"the address"} and mails(folder) == 1
    return len(json.loads((folder / "writes").read_text())), found


@pytest.fixture(scope="module")
def twice():
    """Where a mail was sent a second time, in all shares together."""
    return []


@pytest.mark.sampled(of=SHARES)
@pytest.mark.parametrize("share", range(SHARES))
def test_killed_at_any_write_the_next_controller_ends_in_the_same_shop(installation, undisturbed, share, twice):
    count, wanted = undisturbed
    assert count > 20
    places = [(number, when) for number in range(1, count + 1) for when in ("before", "after")]
    for number, when in places[share::SHARES]:
        folder = installation.copy()
        assert installation.run(folder, START, number, when) == -signal.SIGKILL, (number, when)
        sent = mails(folder)
        # The dead one's lease has to run out
        assert installation.run(folder, START + lease.SECONDS + 1) == 0, (number, when)
        assert outcome(folder, installation.port) == wanted, (number, when)
        # What was handed over and not noted yet is handed over again: rather twice than never
        if (sent, mails(folder)) == (1, 2):
            twice.append((number, when))
        else:
            assert mails(folder) == 1, (number, when)
        shutil.rmtree(folder)
    # One write notes the mail, and once it has come nobody is notified again
    assert len(twice) <= 1 and not any(when == "after" for _number, when in twice)


def test_the_jobs_of_a_killed_worker_go_on_once_its_leases_are_over(installation):
    folder = installation.copy()
    process = PROCESSES.Process(target=mortal.hang, args=(folder, START, installation.port))
    process.start()
    wait_until((folder / "within").exists)
    process.kill()
    process.join(SECONDS)
    world = mortal.Mortal(folder, START + lease.SECONDS - 0.001, installation.port)
    (job,) = world.service.jobs.listed()
    with reading(world.engine) as connection:
        (slot,) = slots.held(connection)
    # By the database's clock, whatever the step might have taken
    assert job.lease_until == slot.until == START + lease.SECONDS
    assert world.worker.run_due() == 0
    world.clock.now = job.lease_until
    assert world.worker.run_due() == 1
    assert world.job(job).state == "dropped" and world.steps(job)["account"].attempts == 2
    with reading(world.engine) as connection:
        assert slots.held(connection) == []
    world.engine.dispose()
