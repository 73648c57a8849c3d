"""What `doctor` says of things that are damaged: a row, never a fall."""

from dataclasses import replace

import pytest

from controller.db.connection.engine import make_engine, transact
from controller.db.machines import channels, workers
from controller.db.machines.channels import Channel
from controller.doctor import upkeep
from controller.doctor.registry import CHECKS, examine
from controller.jobs.engine.monitoring.health import MAX_DEAF_SECONDS
from controller.settings.loading import load_config
from controller.settings.sections import EngineConfig
from controller.setup.installation import ensure_installation
from shared import installed


@pytest.mark.parametrize("content", [b"", b"PK not really", b"PK\x05\x06" + bytes(18)], ids=["empty", "torn", "bare"])
def test_an_agent_that_is_no_archive_is_named_as_damaged(tmp_path, content):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    config.agent.mkdir(parents=True, exist_ok=True)
    (config.agent / "run").write_text("#!/bin/sh\n")
    (config.agent / "agent.pyz").write_bytes(content)
    row = {one.name: one for one in examine(config)}["agent"]
    assert (row.ok, "damaged" in row.message) == (False, True)
    assert "agent" in row.advice


def test_a_channel_whose_agent_is_not_kept_and_a_roll_out_that_stopped_are_named(tmp_path):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    ensure_installation(config)
    kept = config.agent / "versions" / "1-0123456789"
    kept.mkdir(parents=True)
    for name in ("run", "agent.pyz"):
        (kept / name).touch()
    rows = [
        Channel("stable", kept.name),
        Channel("next", kept.name, "2-0123456789", 10, 1.0, stopped_at=2.0, reason="2 of 3 jobs failed"),
    ]
    for row in rows:
        transact(make_engine(config.database_url), lambda connection, row=row: channels.write(connection, row))
    found = [one for one in examine(config) if one.name == "agents' channels"]
    assert [one.ok for one in found] == [False, False]
    assert "2-0123456789 not kept here" in found[0].message and "agent follow --channel next" in found[0].advice
    assert "1-0123456789" not in found[0].message
    assert "2 of 3 jobs failed" in found[1].message


def test_a_broker_that_no_worker_hears_is_red(tmp_path):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    ensure_installation(config)
    assert list(CHECKS["broker"](config)) == []
    config = replace(config, engine=EngineConfig("celery", broker_url="redis://127.0.0.1/"))

    def row(*signs):
        for name, heard in signs:
            beat = workers.Heard(heard) if heard is not None else None
            transact(make_engine(config.database_url), lambda connection: workers.beat(connection, name, heard=beat))
        (found,) = upkeep.broker(config)
        return found.ok, found.message, "engine status" in found.advice

    assert row() == (False, "0 of 0 workers hear it", False)
    assert row(("deaf", MAX_DEAF_SECONDS + 1), ("embedded", None)) == (False, "0 of 2 workers hear it", True)
    assert row(("hears", 3.0))[:2] == (True, "1 of 3 workers hear it")


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        (installed.PACKAGE, "`systemctl start shoplaunch-web shoplaunch-worker`"),
        (installed.CLONE, "`shoplaunch serve`"), (installed.IMAGE, "start the containers"),
    ],
)  # fmt: skip
def test_what_is_not_started_is_started_as_this_installation_is(tmp_path, monkeypatch, kind, command):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:9"})
    ensure_installation(config)
    monkeypatch.setattr(installed, "KIND", kind)
    found = [one.advice for one in examine(config) if "To start it" in one.advice]
    assert found and all(command in one for one in found)
