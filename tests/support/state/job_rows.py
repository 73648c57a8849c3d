"""Rows of jobs as the state database returns them, for decisions that need no database."""

from dataclasses import fields

from controller.db.jobs import Job

#: What a job has from its order on; every other column is empty.
ORDERED = {
    "id": "job1", "kind": "restore", "source": "api", "server": "web1", "bundle": "classic", "domain": "shop.example",
    "folder": "", "email": "client@example.com", "account": "alice", "language": "en", "order": {}, "state": "dropped",
    "attempt": 1, "percent": 0, "version": 1, "facts": {}, "progress": {}, "lock_name": "lock", "alarm": "",
    "created_at": 900.0, "updated_at": 1000.0, "dropped_at": 1000.0, "events_kept": 0, "events_bytes": 0,
}  # fmt: skip


def job_row(**changes):
    """Return a job that was placed at second 1000, with these `changes` of its columns."""
    return Job(**{**dict.fromkeys(one.name for one in fields(Job)), **ORDERED, **changes})
