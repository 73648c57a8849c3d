"""Which files of an installation count as begun and never finished."""

import os

from controller.jobs.retention import spools
from controller.settings.loading import load_config

OLD = 1000.0


def test_what_durable_writes_left_is_found_wherever_the_installation_writes(tmp_path):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    version = config.agent / "versions" / "1-0123456789"
    left = [
        tmp_path / ".shoplaunch.toml.abcd1234", config.bundles / ".classic.new", config.bundles / ".x.bundle.abcd1234",
        config.agent / ".run.abcd1234", config.keys / ".signing.abcd1234", version / ".agent.pyz.abcd1234",
    ]  # fmt: skip
    kept = [config.keys / "signing", version / "agent.pyz", config.bundles / "classic.bundle", config.agent / ".hidden"]
    young = config.keys / ".tokens.abcd1234"
    for path in (*left, *kept, young):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (OLD, OLD))
    os.utime(young, (OLD + 9, OLD + 9))
    assert sorted(spools.unfinished(config, OLD + 1)) == sorted(left)
