"""Which earlier version can work beside this one: the oldest with its tables, whose packages this one has."""

import os
import subprocess

import pytest

from tests.support.state.mixed_versions import LOCKS, MIGRATIONS, oldest_compatible


class History:
    """A repository in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        self._git("init", "-q")

    def commit(self, **files):
        """Write files by their short names, commit, and return the commit; an empty one is removed."""
        for name, text in files.items():
            path = self.folder / PATHS[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text) if text else path.unlink()
        self._git("add", "-A")
        self._git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x")
        return self._git("rev-parse", "HEAD")

    def _git(self, *words):
        own = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = ["git", "-C", str(self.folder), *words]
        return subprocess.run(command, check=True, env=own, stdout=subprocess.PIPE, text=True).stdout.strip()


PATHS = {
    "first": f"{MIGRATIONS}/0001_first.py", "second": f"{MIGRATIONS}/0002_second.py", "lock": LOCKS[0],
    "moved": f"{MIGRATIONS}/from_0001/0002_second.py", "celery": LOCKS[1], "code": "controller/code.py",
}  # fmt: skip


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path)
    made.commit(first="a", lock="click==1.0 \\\n  --hash=sha256:a\n", celery="kombu==1.0\n")
    return made


def test_it_is_the_one_that_brought_the_newest_table_and_not_the_last_that_touched_one(history):
    oldest = history.commit(second="b")
    history.commit(code="c")
    history.commit(second="b # with another type", lock="click==1.0 \\\n  --hash=sha256:b\n# via shoplaunch\n")
    history.commit(second="", moved="b")
    assert oldest_compatible(history.folder) == oldest


@pytest.mark.parametrize("lock", ["lock", "celery"])
def test_it_needs_no_package_that_this_one_has_not(history, lock):
    history.commit(second="b")
    history.commit(**{lock: "click==1.0\nkombu==1.0\ngone==1.0\n"})
    oldest = history.commit(**{lock: "click==1.0\nkombu==1.0\n"})
    history.commit(**{lock: "click==1.0\nkombu==1.0\nnew==1.0\n"})
    history.commit(code="c")
    assert oldest_compatible(history.folder) == oldest


def test_it_is_none_where_the_newest_table_is_in_no_commit_or_nothing_is_known(history, tmp_path):
    path = history.folder / PATHS["second"]
    path.write_text("b")
    assert oldest_compatible(history.folder) is None
    subprocess.run(["rm", "-rf", str(history.folder / ".git")], check=True)
    assert oldest_compatible(history.folder) is None
