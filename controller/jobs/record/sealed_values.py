"""A job's private values, encrypted in its row."""

from __future__ import annotations

import json
from collections.abc import Mapping

from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.keys import Keys


def private_values(keys: Keys, job: Job) -> dict[str, str]:
    """Return the job's private values, {} once they are forgotten. Raises ShoplaunchError `config_invalid`."""
    if job.secrets_encrypted is None:
        return {}
    return dict(json.loads(keys.decrypt(job.secrets_encrypted)))


def sealed(keys: Keys, private: Mapping[str, str]) -> JobColumns:
    """Return the column that stores `private`."""
    return {"secrets_encrypted": keys.encrypt(json.dumps(dict(private), sort_keys=True))}
