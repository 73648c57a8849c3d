"""When a worker or a web server that was asked to end has ended: what it promises, waits for, and who would kill it."""

import re

from controller.cli import process_end, serve, worker
from tests.attacks.silence.service_process import PROJECT, stop_seconds


def promised():
    """Return the seconds that the operators' page says."""
    text = " ".join((PROJECT / "controller" / "OPERATING.md").read_text("utf-8").split())
    (seconds,) = re.findall(r"A worker that is asked to end has ended after ([0-9]+) seconds, whatever hangs", text)
    return int(seconds)


def test_whatever_hangs_it_has_ended_when_it_is_promised():
    # It may just have looked whether it was asked; from its next look on the kernel's alarm runs
    assert process_end.LOOK_SECONDS + worker.LATEST_SECONDS <= promised() == 20


def test_what_is_under_way_is_waited_for_before_that_and_nobody_kills_it_sooner():
    assert process_end.WORKER_SECONDS < worker.LATEST_SECONDS
    assert promised() < stop_seconds("worker")


def test_a_web_server_has_ended_as_soon_whatever_hangs_and_is_killed_by_nobody_else():
    assert serve.REQUEST_SECONDS < process_end.WORKER_SECONDS < serve.GRACEFUL_SECONDS <= promised()
    assert stop_seconds("web") > serve.GRACEFUL_SECONDS
