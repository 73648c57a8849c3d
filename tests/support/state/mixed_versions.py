"""The oldest version of this project that can work beside this one, and orders that workers of both share."""

import contextlib
import re
import subprocess
from pathlib import Path

from tests.bench.engine.__main__ import figures_of
from tests.bench.engine.fleet import Fleet, running, version_of

PROJECT = Path(__file__).resolve().parents[3]
ORDERS, SERVERS, WORKERS, SECONDS = 24, 4, 4, 400
MIGRATIONS = "controller/db/migrations/versions"
LOCKS = ("requirements.lock", "requirements-celery.lock")
_MIGRATION = re.compile(r"(?:^|/)([0-9]{4}_\w+)\.py$")
_PACKAGE = re.compile(r"^([\w.-]+==[^\s;]+)", re.MULTILINE)


def oldest_compatible(project=PROJECT):
    """Return the commit of the oldest version with the tables of this one, whose packages are all among this one's;
    None where the history does not tell."""
    if _asked(project, "rev-parse", "--is-shallow-repository") != "false":
        return None
    tables = _migrations(str(path) for path in (project / MIGRATIONS).rglob("*.py"))
    packages = _packages((project / lock).read_text("utf-8") for lock in LOCKS)
    found = None
    for commit in _asked(project, "log", "--first-parent", "--format=%H", "--", MIGRATIONS, *LOCKS).split():
        files = _asked(project, "ls-tree", "-r", "--name-only", commit, "--", MIGRATIONS).splitlines()
        locks = (_asked(project, "show", f"{commit}:{lock}") for lock in LOCKS)
        if _migrations(files) != tables or not _packages(locks) <= packages:
            break
        found = commit
    return found


def work_together(commit, database_url, more=None):
    """Let two workers of a commit and two of this version share orders; return (what -> figure, the claims of both,
    the words of all workers). `more` are settings."""
    with contextlib.ExitStack() as stack:
        folder = version_of(commit, PROJECT, stack)
        fleet = stack.enter_context(running(Fleet(PROJECT, database_url, SERVERS, WORKERS, more)))
        fleet.mix(folder)
        fleet.begin(ORDERS, 0.0, SECONDS)
        found = figures_of(fleet.followed(), fleet)
        claims = list(fleet.claims().values())
        return found, (sum(claims[0::2]), sum(claims[1::2])), fleet.words()


def _migrations(paths):
    return {match[1] for match in map(_MIGRATION.search, paths) if match is not None}


def _packages(locks):
    return {package for lock in locks for package in _PACKAGE.findall(lock)}


def _asked(project, *words):
    """Return what git answers in the folder `project`, "" where that is no repository, or there is no git."""
    with contextlib.suppress(FileNotFoundError):
        command = ["git", "-C", str(project), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return ""
