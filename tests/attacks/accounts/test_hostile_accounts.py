"""What an account's owner puts into crontab and folder takes the panel's driver a bounded number of calls."""

import pytest

from controller.panels.cpanel.account import cron, files
from controller.panels.cpanel.account.agent_files import Stamp
from controller.panels.cpanel.account.cron import Crontab, Line
from controller.panels.cpanel.account.files import Files
from controller.panels.cpanel.account_cache import AccountCache
from controller.panels.cpanel.api.answers import Answer
from shared.errors import ShoplaunchError
from shared.job import FOLDER, JOB_FILE
from tests.attacks.table import attack

HOME = "/home/alice"
OURS = "true # shoplaunch:job1"


class Refusals:
    """Reasons that only repeat the panel's words."""

    def of(self, what, feature="", *, files=False):
        return lambda text: ShoplaunchError("panel_refused", f"{what}: {text}")


class Account:
    """What is asked of one account's panel; folders are only unlinked when they are empty, and calls are counted."""

    def __init__(self, lines=(), tree=()):
        self.lines = list(lines)
        self.tree = dict(tree)
        self.changes = []

    def api2(self, user, module, function, *, read_only=False, **arguments):
        if function == "listcron":
            rows = [dict(row, linekey=f"{number}", count=number) for number, row in enumerate(self.lines, 1)]
            return Answer(True, [*rows, {"count": len(rows)}])
        self.changes.append((function, arguments))
        return getattr(self, function)(**arguments)

    def query(self, request):
        return self.list_files(request.arguments["dir"])

    def uapi(self, user, module, function, *, read_only=False, limit=0, **arguments):
        return self.list_files(arguments["dir"])

    def list_files(self, path):
        path = path.removeprefix(f"{HOME}/").removeprefix(HOME)
        inside = f"{path}/" if path not in ("", ".") else ""
        found = {
            one: kind for one, kind in self.tree.items() if one.startswith(inside) and "/" not in one[len(inside) :]
        }
        if inside and self.tree.get(path) != "dir":
            return Answer(False, None, "no such folder")
        return Answer(True, [{"file": one[len(inside) :], "type": kind} for one, kind in found.items()])

    def remove_line(self, linekey):
        del self.lines[int(linekey) - 1]
        return Answer(True, [])

    def add_line(self, **fields):
        self.lines.append(fields)
        return Answer(True, [])

    def fileop(self, op, sourcefiles, **_more):
        assert op == "unlink"
        for source in sourcefiles.split(","):
            path = source.removeprefix(f"{HOME}/")
            if any(one.startswith(f"{path}/") for one in self.tree):
                return Answer(False, [], "not empty")
            self.tree.pop(path, None)
        return Answer(True, [])


def line(minute="*", command=OURS):
    return {"minute": minute, "hour": "*", "day": "*", "month": "*", "weekday": "*", "command": command}


def crontab(account):
    return Crontab(account, AccountCache(account, "alice"), Refusals(), "alice", 1)


@attack("An account's crontab holds thousands of copies of the agent's line, each of which takes calls to remove",
        "some are removed at a time, and the server's other jobs get their turn")  # fmt: skip
@pytest.mark.parametrize("act", ["ensure", "remove"])
@pytest.mark.parametrize("minute", ["*", "0"])
def test_copies_of_a_line_are_removed_some_at_a_time(act, minute):
    account = Account(lines=[line(minute) for _ in range(1000)])
    with pytest.raises(ShoplaunchError) as problem:
        crontab(account).ensure(f"* * * * * {OURS}") if act == "ensure" else crontab(account).remove("shoplaunch:job1")
    assert problem.value.code == "cron_edit_failed" and problem.value.retryable
    assert len(account.lines) == 1000 - cron.MOST_AT_ONCE
    assert len(account.changes) == cron.MOST_AT_ONCE


@attack("An account's owner lets a line of the agent's run once a year",
        "nobody waits for the next run of it longer than an hour")  # fmt: skip
def test_a_line_that_hardly_ever_runs_makes_nobody_wait():
    account = Account(lines=[dict(line("0"), hour="0", day="1", month="1")])
    found = crontab(account)
    found.lines()
    assert found.seconds() == 60 * cron.LONGEST_MINUTES


@attack("An account's crontab names times with digits of other scripts, or with thousands of them",
        "they are no times, and the line is taken for an hourly one")  # fmt: skip
@pytest.mark.parametrize("minute", ["²", "*/²", "1" * 5000, "0-" + "9" * 5000, "٣"])
def test_a_time_nobody_can_read_is_taken_for_hourly(minute):
    assert Line((minute, "*", "*", "*", "*"), OURS, "", "1").minutes() == 60


@attack("An account fills the agent's folder with thousands of files on a server that takes a call for each",
        "some are removed at a time, and the server's other jobs get their turn")  # fmt: skip
@pytest.mark.parametrize("shape", ["wide", "deep"])
def test_a_folder_of_many_files_is_removed_some_at_a_time(shape):
    tree = {".shoplaunch": "dir"}
    if shape == "wide":
        tree |= {f".shoplaunch/{number}": "file" for number in range(5000)}
    else:
        tree |= {".shoplaunch" + "/d" * depth: "dir" for depth in range(1, 2000)}
    account = Account(tree=tree)
    with pytest.raises(ShoplaunchError) as problem:
        Files(account, AccountCache(account, "alice"), Refusals(), "alice", HOME).remove(".shoplaunch")
    assert problem.value.code == "leftovers" and problem.value.retryable
    assert len(account.changes) <= files.MOST_AT_ONCE + 1


@attack("An account names a file so that the panel takes it for two, the second of which is the shop",
        "nothing but what is in the agent's folder is ever removed")  # fmt: skip
def test_a_name_that_the_panel_takes_for_two_removes_nothing_else():
    account = Account(tree={".shoplaunch": "dir", ".shoplaunch/x,public_html": "file", "public_html": "dir"})
    with pytest.raises(ShoplaunchError) as problem:
        Files(account, AccountCache(account, "alice"), Refusals(), "alice", HOME).remove(".shoplaunch")
    assert problem.value.code == "path_refused"
    assert "public_html" in account.tree


@attack("An account's owner puts a link in the place of the agent's folder, and the job is cancelled",
        "the link goes, nothing behind it, and domain and account are free again")  # fmt: skip
@pytest.mark.parametrize("what", ["folder", "job file"])
def test_a_link_in_the_place_of_the_folder_keeps_no_domain(world, what):
    job, _agent = world.dropped()
    home = world.panel.base / "alice"
    (home / "mine").mkdir()
    (home / "mine" / "photo.jpg").write_bytes(b"mine")
    if what == "folder":
        (home / FOLDER).rename(home / "old")
        (home / FOLDER).symlink_to("mine")
    else:
        (home / FOLDER / JOB_FILE).unlink()
        (home / FOLDER / JOB_FILE).symlink_to("../mine/photo.jpg")
    world.service.jobs.cancel(job.id)
    world.work_later(300, stride=30)
    found = world.job(job)
    assert (found.facts["undo"], found.domain_key, found.error["code"]) == ("done", None, "cancelled_kept")
    assert "is a link" in found.error["message"]
    assert (home / "mine" / "photo.jpg").read_bytes() == b"mine"
    assert not (home / FOLDER).exists()
    assert not any(job.id in line for line in world.panel.crontabs["alice"])


@attack("An account's owner puts a link in the place of the agent's folder once the shop is there",
        "the link goes, nothing behind it, and the shop is checked like any other")  # fmt: skip
def test_a_link_in_the_place_of_the_folder_keeps_no_shop_from_living(world):
    job, agent = world.dropped()
    agent.restore()
    home = world.panel.base / "alice"
    (home / FOLDER).rename(home / "old")
    (home / FOLDER).symlink_to("old")
    world.serve(job)
    world.work_later(600, stride=30)
    assert world.job(job).state == "live"
    assert not (home / FOLDER).is_symlink() and (home / "old" / JOB_FILE).exists()


@attack("An account writes endless numbers and nesting into the note of what was put into its folder",
        "the note counts for nothing")  # fmt: skip
@pytest.mark.parametrize(
    "text", ['{"run": {"sha256": "", "sizes": [Infinity]}}', '{"run": {"sha256": "", "sizes": [1e999]}}', "[" * 200_000]
)
def test_a_stamp_nobody_wrote_counts_for_nothing(text):
    assert Stamp.parse(text.encode("ascii")) == Stamp({})
