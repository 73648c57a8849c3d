"""What the tests of bad input share: an installation, and the command line in this process."""

import json
import shutil

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.settings.loading import load_config
from controller.setup.installation import ensure_installation


class Commands:
    """The command line with an installation at `home`."""

    def __init__(self, home):
        self.home = home
        self.environment = {"SHOPLAUNCH_HOME": str(home)}

    def run(self, *words, code=None, **environment):
        """Run `shoplaunch WORDS`; nothing but an exit code may come out of it, and no stack of calls is shown."""
        runner = CliRunner(env={**self.environment, **environment})
        done = runner.invoke(main, [str(word) for word in words])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        assert "Traceback" not in done.output
        assert code is None or done.exit_code == code, done.output
        return done

    def refused(self, *words, **environment):
        """Run a command that must fail with a code and its advice; return (code, all it said)."""
        done = self.run(*words, code=1, **environment)
        said = done.stderr.splitlines()
        # Packing names the command that helps besides
        first, advice = [line for line in said if not line.startswith("Next: ")][-2:]
        assert advice.startswith("What to do: "), done.stderr
        return first.partition(":")[0], done.output

    def refused_json(self, *words):
        """Run a command with --json that must fail; return the error it printed as JSON."""
        document = json.loads(self.run(*words, "--json", code=1).stdout)
        assert set(document) == {"error"}
        assert set(document["error"]) == {"code", "message", "advice", "retryable"}
        assert document["error"]["advice"]
        return document["error"]


@pytest.fixture(scope="session")
def born(tmp_path_factory):
    """The home of a new installation, to be copied."""
    home = tmp_path_factory.mktemp("born") / "home"
    home.mkdir()
    ensure_installation(load_config({"SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"}))
    return home


@pytest.fixture
def commands(born, tmp_path):
    """The command line of a new installation without servers, bundles and jobs (Commands)."""
    shutil.copytree(born, tmp_path / "home")
    return Commands(tmp_path / "home")
