"""An agent that fails before its first stage takes starters away, too: no later one of its attempt may come."""

import pytest

from controller.panels.cpanel.start.starter import Starter

OURS, OTHERS = Starter(b"key", "abcdefgh", 1), Starter(b"key", "abcdefgh", 2)
RULES = {"keep": [], "default_pages": [], "htaccess_blocks": [], "occupied": "refuse"}


@pytest.fixture
def place(box):
    """Return what places a job with these changes, a starter that nobody requested, and a file of the client's."""

    def put(**changes):
        (box.root / OURS.name).write_bytes(OURS.content(box.user, str(box.home)))
        (box.root / OTHERS.name).write_bytes(b"<?php // my own")
        box.own()
        box.drop(document_root={**RULES, "starters": [OURS.name, OTHERS.name]}, **changes)
        box.cron()

    return put


def left(box):
    return sorted(path.name for path in box.root.glob("shoplaunch-start-*"))


def test_an_agent_that_refuses_its_callback_address_leaves_no_starter(box, place):
    place(callback={"url": "http://192.0.2.1/", "token": "t" * 40})
    assert box.run("run") == 3, box.errors
    assert box.trace == [] and left(box) == [OTHERS.name]


def test_an_agent_that_waits_for_the_next_tick_before_its_first_stage_leaves_none(box, place, monkeypatch):
    place()
    command = box.command

    def started_at_once(*arguments, **more):
        words = command(*arguments, **more)
        at = words.index("--clear-groups") + 1
        return [*words[:at], "env", "SHOPLAUNCH_START=ssh", "prlimit", "--cpu=30", *words[at:]]

    monkeypatch.setattr(box, "command", started_at_once)
    assert box.run("run") == 7, box.errors
    assert box.trace == [] and left(box) == [OTHERS.name]
