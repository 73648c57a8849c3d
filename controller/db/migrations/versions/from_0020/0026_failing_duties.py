"""What is done again and again without being asked, and fails, is noted until it is done again"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_TABLE = "failing_duties"


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    if not sa.inspect(op.get_bind()).has_table(_TABLE):
        op.create_table(
            _TABLE,
            sa.Column("name", sa.String(length=120), nullable=False),
            sa.Column("since", sa.Double(), nullable=False),
            sa.Column("failed_at", sa.Double(), nullable=False),
            sa.Column("code", sa.String(length=40), nullable=False),
            sa.Column("message", sa.String(length=500), server_default="", nullable=False),
            sa.Column("alarmed_at", sa.Double(), nullable=True),
            sa.Column("claimed_at", sa.Double(), nullable=True),
            sa.Column("well_at", sa.Double(), nullable=True),
            sa.PrimaryKeyConstraint("name", name=op.f("pk_failing_duties")),
            **_OPTIONS,
        )


def downgrade() -> None:
    """Take the revision back."""
    op.drop_table(_TABLE)
