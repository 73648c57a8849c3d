"""Details of finished jobs and data of former clients are removed in time, by one process at a time"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("pruned_at", sa.Double()),
    ("forgotten_at", sa.Double()),
    ("parts", sa.String(length=64)),
)
_INDEXES = {
    "ix_jobs_pruned_at_updated_at": ["pruned_at", "updated_at"],
    "ix_jobs_forgotten_at_ended_at": ["forgotten_at", "ended_at"],
}


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    found = sa.inspect(op.get_bind())
    there = {column["name"] for column in found.get_columns("jobs")}
    for name, kind in _COLUMNS:
        if name not in there:
            op.add_column("jobs", sa.Column(name, kind, nullable=True))
    indexes = {index["name"] for index in found.get_indexes("jobs")}
    for name, columns in _INDEXES.items():
        if name not in indexes:
            op.create_index(name, "jobs", columns)
    if not found.has_table("follow_up_parts"):
        op.create_table(
            "follow_up_parts",
            sa.Column("digest", sa.String(length=64), nullable=False),
            sa.Column("content", _LONG, nullable=False),
            sa.PrimaryKeyConstraint("digest", name=op.f("pk_follow_up_parts")),
            **_OPTIONS,
        )
    if not found.has_table("retention"):
        op.create_table(
            "retention",
            sa.Column("kind", sa.String(length=20), nullable=False),
            sa.Column("removed", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("oldest_at", sa.Double(), nullable=True),
            sa.Column("at", sa.Double(), nullable=True),
            sa.Column("owner", sa.String(length=64), nullable=True),
            sa.Column("until", sa.Double(), nullable=True),
            sa.PrimaryKeyConstraint("kind", name=op.f("pk_retention")),
            **_OPTIONS,
        )


def downgrade() -> None:
    """Take the revision back."""
    for table in ("retention", "follow_up_parts"):
        op.drop_table(table)
    for name in _INDEXES:
        op.drop_index(name, "jobs")
    with op.batch_alter_table("jobs") as jobs:
        for name, _kind in reversed(_COLUMNS):
            jobs.drop_column(name)
