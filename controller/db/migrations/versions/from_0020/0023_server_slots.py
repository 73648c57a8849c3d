"""Slots of servers are leases, so that their number holds over all processes; workers count claims that missed"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_TABLE = "server_slots"
_INDEX = "ix_jobs_server_wake_at"
#: What workers count, and which servers are their own.
_COUNTS = ("claims", "missed", "hints")


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    found = sa.inspect(op.get_bind())
    if not found.has_table(_TABLE):
        op.create_table(
            _TABLE,
            sa.Column("server", sa.String(length=63), nullable=False),
            sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
            sa.Column("owner", sa.String(length=64), nullable=True),
            sa.Column("until", sa.Double(), nullable=True),
            sa.PrimaryKeyConstraint("server", "number", name=op.f("pk_server_slots")),
            **_OPTIONS,
        )
    there = {column["name"] for column in found.get_columns("workers")}
    for name in _COUNTS:
        if name not in there:
            op.add_column("workers", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    if "serves" not in there:
        op.add_column("workers", sa.Column("serves", sa.String(length=500), server_default="", nullable=False))
    if _INDEX not in {index["name"] for index in found.get_indexes("jobs")}:
        op.create_index(_INDEX, "jobs", ["server", "wake_at"])


def downgrade() -> None:
    """Take the revision back."""
    op.drop_index(_INDEX, "jobs")
    with op.batch_alter_table("workers") as workers:
        for name in ("serves", *_COUNTS):
            workers.drop_column(name)
    op.drop_table(_TABLE)
