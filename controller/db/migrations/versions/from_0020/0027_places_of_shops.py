"""Whose shop is at an address is found by an index: without it all jobs of a server were read"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_INDEX = "ix_jobs_server_domain"


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("jobs")}:
        op.create_index(_INDEX, "jobs", ["server", "domain"])


def downgrade() -> None:
    """Take the revision back."""
    op.drop_index(_INDEX, "jobs")
