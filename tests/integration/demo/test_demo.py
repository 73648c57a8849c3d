"""The demo as a user runs it: a shop, a second one from the user's own bundle, and nothing left after cleaning up."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
DEMO = PROJECT / "packaging" / "demo" / "demo.py"
SECONDS = 1800
NOT_CLONED = (".venv", ".git", "__pycache__", ".*_cache", "*.egg-info", ".hypothesis")

pytestmark = [pytest.mark.root, pytest.mark.cron, pytest.mark.nightly]


@pytest.fixture
def folder():
    """A folder whose path is short enough for the services' sockets, and open to accounts (Path)."""
    folder = Path(tempfile.mkdtemp(prefix="sl"))
    folder.chmod(0o755)
    yield folder
    if (folder / "demo").exists():
        run(folder, sys.executable, DEMO, "--clean")
    shutil.rmtree(folder)


def run(folder, *command, cwd=PROJECT):
    """Run a command on the demo in `folder`, as root on a machine that closes what root makes; return what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOPLAUNCH_")}
    environment["SHOPLAUNCH_DEMO"] = str(folder / "demo")
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, timeout=SECONDS,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        umask=0o077,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def accounts(folder):
    """Return the accounts whose home is below `folder`."""
    return [entry.pw_name for entry in pwd.getpwall() if entry.pw_dir.startswith(f"{folder}/")]


def processes(folder):
    """Return the command lines of the processes that were started with, or in, the folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words, environment = (place / "cmdline").read_bytes(), (place / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if os.fsencode(folder) in words + environment:
            found.append(words)
    return found


def test_two_shops_of_the_demo_live_and_another_clone_removes_everything(folder):
    assert "The shop lives" in run(folder, sys.executable, DEMO)
    # Packed by the first run, now a bundle like any other
    shutil.copy(folder / "demo" / "sample.bundle", folder / "my own.bundle")
    said = run(folder, sys.executable, DEMO, "--bundle", folder / "my own.bundle")
    assert "my-own-" in said
    assert "The shop lives" in said
    made = accounts(folder)
    assert len(made) == 2
    assert processes(folder)

    clone = folder / "clone"
    shutil.copytree(PROJECT, clone, symlinks=True, ignore=shutil.ignore_patterns(*NOT_CLONED))
    assert "Nothing of the demo is left." in run(folder, "make", "clean", cwd=clone)
    assert not (folder / "demo").exists()
    assert not (clone / ".venv").exists()
    assert accounts(folder) == []
    assert processes(folder) == []
    assert not any((Path("/var/spool/cron/crontabs") / user).exists() for user in made)
