"""Whatever an account's owner puts in the place of the agent's files, no agent waits for it, and none piles up."""

import os
import socket
from contextlib import closing

import pytest

from tests.attacks.table import attack
from tests.integration.agent_core.conftest import agent  # noqa: F401 - a fixture
from tests.support.worlds.agent_box import Box

pytestmark = pytest.mark.root

#: What the agent opens in its folder besides launcher, archive, job file and bundle.
FILES = (
    "state.json", "state.json.tmp", "agent.log", "lock", "ack", "python", "outbox/00000001.json",
    "outbox/00000001.json.tmp", "state.json.unreadable", "job.done", "agent.log.1",
)  # fmt: skip
#: Without these nothing is to be done.
NEEDED = {"job": 3, "shop.bundle": 1, "htaccess.before": 3}
#: In the place of which a folder is met each time.
NO_FOLDER = ("state.json.tmp", "lock", "job.done")


def pipe(path):
    os.mkfifo(path, 0o600)


def listening(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def link_to_a_pipe(path):
    pipe(f"{path}.elsewhere")
    path.symlink_to(f"{path}.elsewhere")


def folder(path):
    path.mkdir()
    (path / "x").touch()


THINGS = {"pipe": pipe, "socket": listening, "link to a pipe": link_to_a_pipe, "folder": folder}


def put(box, name, thing):
    """There is `thing` in the place of the file `name` of the agent's folder."""
    path = box.folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    THINGS[thing](path)


@pytest.fixture
def box(controller, keys, agent):  # noqa: F811 - the fixture above
    with closing(Box(controller, keys, agent)) as account:
        account.with_bundle()
        account.drop()
        yield account


@attack("An account's owner puts a pipe, a socket, a link to a pipe or a folder in the place of the agent's own files",
        "no agent waits for any of them: the shop is made")  # fmt: skip
@pytest.mark.parametrize("thing", THINGS)
def test_no_agent_waits_for_what_stands_in_the_place_of_its_files(box, controller, thing):
    for name in FILES:
        if thing != "folder" or name not in (*NO_FOLDER, "state.json.unreadable"):
            put(box, name, thing)
    box.own()
    assert box.run(seconds=30) == 0, box.errors
    assert controller.accepted("finished")


@attack("An account's owner puts such a thing in the place of the job file or the bundle",
        "the agent leaves, and says why; none waits there beside those that cron starts later")  # fmt: skip
@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("name", NEEDED)
def test_no_agent_waits_for_a_job_or_a_bundle(box, thing, name):
    put(box, name, thing)
    box.own()
    assert box.run(seconds=30) == NEEDED[name], box.errors
    assert box.state["error"]["code"] in ("job_invalid", "bundle_missing", "path_refused")


@attack("An account's owner puts a folder in the place of the agent's lock, or of what it writes first",
        "the agent leaves at each tick, and says why where anybody hears it")  # fmt: skip
@pytest.mark.parametrize("name", NO_FOLDER)
def test_a_folder_in_the_way_is_one_sentence(box, name):
    put(box, name, "folder")
    box.own()
    assert box.run(seconds=30) == 1
    assert "Traceback" not in box.errors
