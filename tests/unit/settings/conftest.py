"""An installation's settings as a function: text of shoplaunch.toml and variables -> survey."""

import pytest

from controller.settings.loading import survey


@pytest.fixture
def surveyed(tmp_path):
    def look(text="", **variables):
        file = tmp_path / "shoplaunch.toml"
        file.write_text(text, "utf-8")
        file.chmod(0o600)
        # Not the machine's own
        known = {"SHOPLAUNCH_HOME": str(tmp_path), "SHOPLAUNCH_SECRETS": str(tmp_path / "secrets")}
        (tmp_path / "secrets").mkdir(exist_ok=True)
        return survey({**known, **variables})

    return look
