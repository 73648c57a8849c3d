"""Which program this is, and what it works with."""

from __future__ import annotations

import importlib
import platform
import sqlite3
import subprocess
from importlib import metadata
from pathlib import Path

from controller.agent_archive.locations import PROJECT, agent_version

#: Written where a package is built; a clone asks git.
COMMIT_FILE = Path(__file__).resolve().parents[2] / "commit.txt"
#: Distributions that speak with a state database.
_DRIVERS = ("pymysql", "psycopg", "sqlalchemy")


def versions() -> dict[str, object]:
    """Return what a report of a fault has to name: the program, its Python, its agent and its database drivers."""
    drivers = {name: metadata.version(name) for name in _DRIVERS}
    return {
        "version": metadata.version("shoplaunch"),
        "commit": commit(),
        "python": platform.python_version(),
        "agent": agent_version(),
        "drivers": {"sqlite": sqlite3.sqlite_version, "libpq": _libpq(), **drivers},
    }


def commit() -> str | None:
    """Return the commit this program is of, None where nothing says so."""
    if COMMIT_FILE.exists():
        return COMMIT_FILE.read_text("ascii").strip()
    if not (PROJECT / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(PROJECT), "rev-parse", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    # Another user's clone: git refuses to read it
    return done.stdout.strip() or None if done.returncode == 0 else None


def _libpq() -> str | None:
    try:
        number = int(importlib.import_module("psycopg").pq.version())
    except ImportError:
        # No library of PostgreSQL for this machine
        return None
    return f"{number // 10000}.{number % 10000}"
