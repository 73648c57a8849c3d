"""Servers that fail are called by one probe at a time until one is answered"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_TABLE = "server_breakers"


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    if not sa.inspect(op.get_bind()).has_table(_TABLE):
        op.create_table(
            _TABLE,
            sa.Column("server", sa.String(length=63), nullable=False),
            sa.Column("failures", sa.Integer(), nullable=False),
            sa.Column("since", sa.Double(), nullable=False),
            sa.Column("failed_at", sa.Double(), nullable=False),
            sa.Column("reason", sa.String(length=500), server_default="", nullable=False),
            sa.Column("opened", sa.Integer(), server_default="0", nullable=False),
            sa.Column("next_at", sa.Double(), nullable=True),
            sa.Column("probe_by", sa.String(length=64), nullable=True),
            sa.Column("probe_until", sa.Double(), nullable=True),
            sa.Column("alarmed_at", sa.Double(), nullable=True),
            sa.PrimaryKeyConstraint("server", name=op.f("pk_server_breakers")),
            **_OPTIONS,
        )


def downgrade() -> None:
    """Take the revision back."""
    op.drop_table(_TABLE)
