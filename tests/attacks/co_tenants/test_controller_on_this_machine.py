"""No account of the controller's own machine can take its place: what agents say goes to nobody else."""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from agent.bundle.fetch import fetch
from agent.bundle.source import Source
from agent.run import session
from controller.agent_archive.build import launcher
from controller.panels.local.private_stack.stack import free_port
from shared.errors import ShoplaunchError
from tests.attacks.co_tenants.false_controller import MALLORY, FalseController, squat
from tests.attacks.table import attack
from tests.support.servers.web.controller_stub import Controller
from tests.support.worlds.agent_box import Box, Keys, core_agent

TOOLS = ("sed", "tr", "cat", "date", "mv", "rm", "grep", "base64", "gzip", "tail", "sh", "ls")


@pytest.fixture
def place():
    """A folder that accounts may enter and only root may write to; its socket's path is short."""
    folder = Path(tempfile.mkdtemp(prefix="slsock", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def callback(world, place):
    """What the controller tells agents of its own machine about itself (and a free port that is its address)."""
    object.__setattr__(world.config, "public_url", f"http://127.0.0.1:{free_port()}")
    object.__setattr__(world.config, "agent_socket", str(place / "socket"))
    _, agent = world.dropped()
    return agent.payload["callback"]


def port_of(callback):
    return int(callback["url"].split(":")[2].partition("/")[0])


@pytest.fixture(scope="module")
def keys():
    return Keys()


@pytest.fixture
def box(keys, tmp_path):
    core_agent(tmp_path / "agent.pyz", keys)
    account = Box(keys=keys, agent=tmp_path / "agent.pyz")
    account.with_bundle()
    yield account
    account.close()


def report(callback):
    """Let an agent report once; return the status that was answered."""
    door = session.client_of({"callback": callback})
    return door.post(callback["url"], b'{"attempt": 1}', {"Authorization": "Bearer " + callback["token"]}).status


@attack(
    "While the controller restarts, an account takes its port, and answers every report with 410 (cancelled).",
    "It hears nothing: the agent waits for the controller's own socket, keeps the shop, and reports once it is back.",
)
def test_an_account_that_takes_the_port_hears_no_token_and_cancels_nothing(callback, box):
    box.cron()
    box.drop(callback=callback)
    with FalseController(port_of(callback)) as neighbour:
        box.run("run")
        assert neighbour.heard() == []
    assert box.state["status"] != "cancelled"
    assert (box.folder / "job").exists()
    assert f"shoplaunch:{box.id}" in box.crontab
    assert str(callback["socket"]) in box.state["callback"]["last_error"]
    controller = Controller(path=callback["socket"])
    try:
        assert box.run("run") == 0
        assert controller.accepted("finished")
    finally:
        controller.close()
    assert not box.folder.exists()


@attack(
    "An account listens at the very socket the job names, in a folder where only root may write.",
    "Whose process listens is asked before the first byte is sent; nothing is.",
)
def test_an_account_that_listens_at_the_socket_itself_hears_nothing(callback):
    neighbour = squat(callback["socket"])
    # However right the file looks
    os.chown(callback["socket"], 0, 0)
    with pytest.raises(ShoplaunchError) as caught:
        report(callback)
    assert neighbour.heard() == []
    assert (caught.value.code, caught.value.retryable) == ("controller_foreign", True)
    assert f"uid {MALLORY}" in caught.value.message


def open_to_all(place):
    place.chmod(0o777)


def open_to_a_group(place):
    place.chmod(0o775)


def owned_by_an_account(place):
    os.chown(place, MALLORY, MALLORY)


def link_of_an_account(place):
    """Where everybody may make files, an account's own link leads to the controller."""
    (place / "socket").rename(place / "real")
    place.chmod(0o1777)
    os.symlink("real", place / "socket")
    os.lchown(place / "socket", MALLORY, MALLORY)


@attack(
    "An account may write to a folder above the controller's socket, so that it can put its own there at any time.",
    "Nothing is sent, though the controller itself listens.",
)
@pytest.mark.parametrize("change", [open_to_all, open_to_a_group, owned_by_an_account, link_of_an_account])
def test_no_account_may_own_or_write_a_folder_above_the_socket(callback, place, change):
    controller = Controller(path=callback["socket"])
    try:
        assert report(callback) == 202
        change(place)
        with pytest.raises(ShoplaunchError) as caught:
            report(callback)
        assert caught.value.code == "controller_foreign"
        assert len(controller.tokens) == 1
    finally:
        controller.close()


def test_the_controllers_own_user_counts_when_the_job_names_it_and_nobody_else_does(callback, place):
    os.chown(place, MALLORY, MALLORY)
    named = squat(callback["socket"])
    assert report({**callback, "uid": MALLORY}) == 410
    with pytest.raises(ShoplaunchError) as caught:
        report({**callback, "uid": MALLORY + 1})
    assert caught.value.code == "controller_foreign"
    assert len(named.heard()) == 1


@attack(
    "While the controller restarts, an account takes its port, and waits for agents that fetch their bundle there.",
    "The bundle, and the token with it, are asked for at the controller's own socket only.",
)
def test_a_bundle_of_the_controller_is_fetched_through_its_socket(callback, place):
    url = callback["url"].replace("/events", "/bundle/classic")
    pinned = {"url": url, "manifest_sha256": "0" * 64, "size": 5}
    door = session.client_of({"callback": callback})
    with FalseController(port_of(callback)) as neighbour:
        with pytest.raises(ShoplaunchError) as caught:
            fetch(Source(pinned, door, callback["token"]), str(place / "b"), idle_seconds=0, sleep=lambda _: None)
        assert neighbour.heard() == []
    assert (caught.value.code, callback["socket"] in caught.value.message) == ("bundle_missing", True)


# -- the launcher's own report, without Python ------------------------------------------------------------------------


@pytest.fixture
def launched(box):
    """Return a function that runs the launcher on a machine without Python and with these programs."""

    def run(*programs):
        tools = box.home / "tools"
        tools.mkdir()
        for name in (*TOOLS, *programs):
            os.symlink(shutil.which(name), tools / name)
        text = launcher().decode()
        for folder in ("/opt/alt", "/usr/bin/python", "/usr/libexec"):
            text = text.replace(folder, f"{box.home}/nothing{folder}")
        (box.folder / "run").write_text(text)
        box.own()
        command = ["setpriv", f"--reuid={box.uid}", f"--regid={box.gid}", "--clear-groups"]
        command += ["env", "-i", f"HOME={box.home}", f"PATH={tools}", shutil.which("dash"), str(box.folder / "run")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd="/")
        assert (done.returncode, done.stderr) == (3, "")

    return run


@attack(
    "An account without Python reports by curl or wget; meanwhile a neighbour holds the controller's port.",
    "The launcher's own report goes through the socket (curl), or not at all (wget).",
)
@pytest.mark.parametrize("program", ["curl", "wget"])
def test_the_launchers_own_report_never_goes_to_the_port(callback, box, launched, program):
    box.drop(callback=callback)
    controller = Controller(path=callback["socket"])
    try:
        with FalseController(port_of(callback)) as neighbour:
            launched(program)
            assert neighbour.heard() == []
    finally:
        controller.close()
    is_reported = program == "curl"
    assert [event["error"]["code"] for event in controller.accepted("failed")] == ["python_missing"] * is_reported
    assert box.state.get("reported", False) == is_reported


@attack(
    "An account without Python would report by curl; a neighbour may write to a folder above the controller's socket.",
    "The launcher says nothing; the controller learns it by looking.",
)
@pytest.mark.parametrize("change", [open_to_all, open_to_a_group, owned_by_an_account, link_of_an_account])
def test_the_launcher_sends_nothing_where_an_account_may_put_a_socket(callback, box, place, launched, change):
    box.drop(callback=callback)
    controller = Controller(path=callback["socket"])
    change(place)
    try:
        with FalseController(port_of(callback)) as neighbour:
            launched("curl")
            assert neighbour.heard() == []
    finally:
        controller.close()
    assert controller.tokens == []
    assert box.state == {"format": 1, "error": "python_missing"}


def test_the_launcher_reports_to_the_service_user_that_the_job_names(callback, box, place, launched):
    os.chown(place, MALLORY, MALLORY)
    box.drop(callback={**callback, "uid": MALLORY})
    named = squat(callback["socket"])
    launched("curl")
    (heard,) = named.heard()
    assert "Bearer " + callback["token"] in heard


def test_a_job_stored_before_there_was_a_socket_goes_on_by_the_port(box):
    """The attempt under way at an upgrade has a job file that names no socket."""
    controller = Controller()
    try:
        box.cron()
        box.drop(callback={"url": controller.url, "token": secrets.token_hex(20)})
        assert box.run("run") == 0
        assert controller.accepted("finished")
    finally:
        controller.close()
