"""Rows for tests of the state database."""

from controller.db import jobs
from controller.db.connection.engine import reading, transact

NOW = 1_800_000_000.0


def add_job(engine, job_id="job00001", **values):
    """Add a job and return it as it is read back."""
    row = {
        "id": job_id, "kind": "restore", "source": "command", "server": "web1", "bundle": "classic",
        "domain": "shop.example.com", "email": "a@example.com", "account": "alice", "language": "fa",
        "order": {"shop_name": "فروشگاه"}, "state": "received", "facts": {}, "progress": {}, "lock_name": "l" * 20,
        "created_at": NOW, "updated_at": NOW, **values,
    }  # fmt: skip
    transact(engine, lambda connection: jobs.insert(connection, row))
    return read(engine, job_id)


def read(engine, job_id="job00001"):
    """Return the job."""
    with reading(engine) as connection:
        return jobs.get(connection, job_id)
