"""Servers that refused our login are not called until it works again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the revision."""
    with op.batch_alter_table("servers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("locked_at", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("locked_reason", sa.String(length=500), server_default="", nullable=False))
        batch_op.add_column(sa.Column("locked_told_at", sa.Double(), nullable=True))


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("servers", schema=None) as batch_op:
        batch_op.drop_column("locked_told_at")
        batch_op.drop_column("locked_reason")
        batch_op.drop_column("locked_at")
