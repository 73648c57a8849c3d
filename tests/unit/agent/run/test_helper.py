"""The second process: forked, ended whatever it does, and heard even when it cannot begin."""

import json
import os
import select
import signal
import sys
import threading
import types

import pytest

from agent.base.state import State
from agent.bundle import shards
from agent.run import helper as helpers
from agent.run import helper_main
from agent.run.helper import STAGE, Helper
from agent.run.helper_main import EXIT_BROKEN, EXIT_ORPHANED, PROCESS_NAME
from shared.errors import ShoplaunchError
from tests.support.machine.resources import name_of
from tests.support.waiting import wait_until
from tests.support.worlds.agent_box import PROJECT


def _wait(_ctx):
    signal.pause()


MODULE = types.SimpleNamespace(NAME="unpack", run=_wait)


@pytest.fixture(autouse=True)
def stage(monkeypatch):
    """MODULE is the stage that is run."""
    monkeypatch.setitem(sys.modules, f"agent.stages.{STAGE}", MODULE)


class Ctx(types.SimpleNamespace):
    """A context with nothing but what starting a helper needs."""

    def __init__(self, folder, add_helper=lambda pid: None):
        lock = types.SimpleNamespace(add_helper=add_helper, descriptor=os.open(folder, os.O_RDONLY), file_id=[0, 0])
        super().__init__(
            folder=str(folder), lock=lock, log=types.SimpleNamespace(info=lambda *_: None), job={}, raw_job=b"",
            staging="", flushing=None, state=types.SimpleNamespace(data={}),
            bundle=types.SimpleNamespace(path="bundle"),
        )  # fmt: skip


def children():
    with open(f"/proc/self/task/{os.getpid()}/children") as stream:
        return [int(word) for word in stream.read().split()]


@pytest.fixture
def helper(tmp_path):
    made = Helper(Ctx(tmp_path), STAGE)
    yield made
    made.end()


def test_people_find_it_by_its_name(helper):
    wait_until(lambda: name_of(helper._pid) == PROCESS_NAME.decode(), "it never called itself so")


def test_ended_twice_it_is_gone_and_nobody_else_is_killed(helper, monkeypatch):
    pid = helper._pid
    helper.end()
    assert pid not in children()
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("somebody else may have this number"))
    helper.end()


def test_a_stopped_one_that_takes_no_order_is_ended_all_the_same(tmp_path):
    ctx = Ctx(tmp_path)
    # More than a pipe holds
    ctx.job = {"values": {"text": "x" * 300_000}}
    helper = Helper(ctx, STAGE)
    pid = helper._pid
    os.kill(pid, signal.SIGSTOP)
    helper.work()
    ending = threading.Thread(target=helper.end, daemon=True)
    ending.start()
    ending.join(60)
    if ending.is_alive():
        os.kill(pid, signal.SIGKILL)
        pytest.fail("it is waited for")
    assert pid not in children()


def test_a_helper_that_cannot_be_noted_for_the_next_agent_is_ended(tmp_path):
    before = children()

    def refuse(_pid):
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        Helper(Ctx(tmp_path, refuse), STAGE)
    assert children() == before


def forked(tmp_path, orders, bundle=None, prepare=None):
    """Become a helper, which has `bundle` and may `prepare`, in a forked process that is given `orders` (bytes) and
    nothing more; return its exit code."""
    (ours, theirs), (read, write) = os.pipe(), os.pipe()
    log = os.open(tmp_path / "agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    pid = os.fork()
    if not pid:
        code = 99
        try:
            inherited = helper_main.Inherited((ours, write), (theirs, read), log)
            code = helper_main.become(str(tmp_path), STAGE, inherited, bundle, prepare)
        finally:
            os._exit(code)
    for descriptor in (ours, write, log):
        os.close(descriptor)
    # Until these close the parent is there
    with os.fdopen(theirs, "wb", buffering=0) as parent, os.fdopen(read):
        parent.write(orders)
        if orders:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_without_an_order_it_leaves_silently(tmp_path):
    assert forked(tmp_path, b"") == EXIT_ORPHANED
    assert (tmp_path / "agent.log").read_text() == ""


def test_what_it_cannot_even_report_stands_in_the_log(tmp_path):
    assert forked(tmp_path, b'{"job": \n') == EXIT_BROKEN
    assert "helper: JSONDecodeError at decoder.py" in (tmp_path / "agent.log").read_text()


def bundle_at(path):
    return types.SimpleNamespace(path=path, manifest={})


@pytest.mark.parametrize(
    ("opened", "found"), [(bundle_at("ahead.bundle"), "ahead.bundle ['shard']"), (None, "fetched.bundle ['shard']")]
)
def test_what_was_opened_and_made_ready_while_it_waited_is_there_for_the_stage(tmp_path, monkeypatch, opened, found):
    def run(ctx):
        (tmp_path / "found").write_text(f"{ctx.bundle.path} {list(ctx.ahead)}")

    def prepare(orders):
        select.select([orders], [], [])
        return {"shard": "its content"}

    context = types.SimpleNamespace(counters={}, take_counters=dict, ahead={})
    monkeypatch.setattr(helper_main, "Context", lambda *_, **__: context)
    monkeypatch.setattr(helper_main, "open_bundle", lambda *_: bundle_at("fetched.bundle"))
    monkeypatch.setattr(helper_main.job_file, "public_keys", list)
    monkeypatch.setattr(helper_main.job_file, "Guard", lambda *_: types.SimpleNamespace(check=lambda: None))
    monkeypatch.setattr(MODULE, "run", run)
    order = {"job": {}, "raw": "", "lock": [0, 0], "shards": {}, "staging": ""}
    assert forked(tmp_path, json.dumps(order).encode() + b"\n", opened, prepare) == 0
    assert (tmp_path / "found").read_text() == found


def test_what_it_reports_says_of_which_stage_it_is(tmp_path):
    helper = Helper.__new__(Helper)
    helper.name, helper._ctx = "unpack", Ctx(tmp_path)
    with pytest.raises(ShoplaunchError) as failure:
        helper._apply({"kind": "error", "code": "unsafe_path", "message": "no", "retryable": False})
    assert failure.value.details == {"stage": "unpack"}


def test_nobody_waits_for_the_end_of_one_that_is_done(tmp_path, monkeypatch):
    def done_and_still_there(_folder, _module, orders, messages, _bundle, _prepare):
        os.read(orders, 65536)
        os.write(messages, b'{"kind": "done"}\n')
        signal.pause()

    monkeypatch.setattr(helper_main, "main", done_and_still_there)
    helper = Helper(Ctx(tmp_path), STAGE)
    pid = helper._pid
    helper.work()
    assert helper.wait(lambda: None)
    # What is left of it goes with us
    assert pid in children()
    helper.end()
    assert pid not in children()


def test_of_one_that_is_done_and_has_ended_no_process_is_left_when_it_was_waited_for(tmp_path, monkeypatch):
    def done(_folder, _module, orders, messages, _bundle, _prepare):
        os.read(orders, 65536)
        os.write(messages, b'{"kind": "done"}\n')
        return 0

    monkeypatch.setattr(helper_main, "main", done)
    helper = Helper(Ctx(tmp_path), STAGE)
    pid = helper._pid
    helper.work()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert helper.wait(lambda: None) and pid not in children()
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("somebody else may have this number"))
    helper.end()


def test_only_the_helper_and_the_very_start_fork_when_there_is_one_thread():
    forks = [path for path in (PROJECT / "agent").rglob("*.py") if "os.fork(" in path.read_text()]
    assert sorted(path.name for path in forks) == ["helper.py", "limits.py"]


@pytest.mark.parametrize(
    ("job", "values", "is_needed"), [("j1", "same", False), ("j1", "others", True), ("j0", "same", True)]
)
def test_a_shop_that_is_in_its_place_needs_no_helper_unless_it_is_to_be_another(
    tmp_path, monkeypatch, job, values, is_needed
):
    state = State(str(tmp_path))
    state.update(job=job, values_sha256=values)
    state.end_stage("switch", "done", 1.0)
    monkeypatch.setattr(helpers, "Helper", lambda _ctx, name, prepare: (name, prepare.func))
    ctx = types.SimpleNamespace(
        state=state, job_id="j1", job={}, kind="restore", values_sha256="same", log=None, folder=""
    )
    assert helpers.start(ctx) == (("unpack", shards.read_ahead) if is_needed else None)


def test_a_follow_up_job_has_no_helper(tmp_path):
    ctx = types.SimpleNamespace(state=State(str(tmp_path)), job={}, kind="set_admin_password")
    assert helpers.start(ctx) is None
