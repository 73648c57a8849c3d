"""What `doctor` says of things that are damaged: a row, never a fall."""

import pytest

from controller import doctor
from controller.config import load_config


@pytest.mark.parametrize("content", [b"", b"PK not really", b"PK\x05\x06" + bytes(18)], ids=["empty", "torn", "bare"])
def test_an_agent_that_is_no_archive_is_named_as_damaged(tmp_path, content):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    config.agent.mkdir(parents=True, exist_ok=True)
    (config.agent / "run").write_text("#!/bin/sh\n")
    (config.agent / "agent.pyz").write_bytes(content)
    row = {one.name: one for one in doctor.examine(config)}["agent"]
    assert (row.ok, "damaged" in row.message) == (False, True)
    assert "agent" in row.advice
