"""Killed right after any of its writes a process leaves no change without the row of the audit log that says whose."""

import multiprocessing
import shutil
import signal

import pytest

from tests.integration.controller import doomed

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.integration.controller.doomed"])
SECONDS = 120
#: More writes no operation has.
MOST_WRITES = 30
WAYS = [
    *(("page", operation) for operation in (*doomed.PAGES, "logout")),
    *(("command", operation) for operation in (*doomed.COMMANDS, "order")),
    ("signed", "ordered"), ("client", "link"), ("client", "set"),
]  # fmt: skip
#: As the audit log calls what clients and billing systems do.
ACTIONS = {"ordered": "order", "link": "password shown", "set": "password chosen"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    home = tmp_path_factory.mktemp("prepared") / "home"
    return home, doomed.prepare(home)


def ended(home, known, way, operation, number):
    """Do the operation, and die right after the write `number`; return what the process ended with."""
    process = PROCESSES.Process(target=doomed.run, args=(home, known, way, operation, number))
    process.start()
    process.join(SECONDS)
    return process.exitcode


@pytest.mark.sampled(of=3, each=("way",))
@pytest.mark.parametrize(("way", "operation"), WAYS)
def test_no_change_is_without_its_row_wherever_it_is_killed(prepared, tmp_path, way, operation):
    first, known = prepared
    before, rows = doomed.seen(first)
    action, changes = ACTIONS.get(operation, operation), []
    for number in range(1, MOST_WRITES):
        home = tmp_path / f"home{number}"
        shutil.copytree(first, home)
        code = ended(home, known, way, operation, number)
        after, entries = doomed.seen(home)
        noted = [row for row in entries[: len(entries) - len(rows)] if row[1] == action]
        assert after == before or noted, f"killed after write {number}"
        changes.append(after != before)
        shutil.rmtree(home)
        if code == 0:
            assert len(noted) == 1 and changes[-1]
            break
        assert code == -signal.SIGKILL
    # It was killed behind a change, too
    assert code == 0 and len(changes) > 1 and changes[-2]
