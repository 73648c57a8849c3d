"""Bundles that are paid for"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    if "paid" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("bundles")}:
        op.add_column("bundles", sa.Column("paid", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.drop_column("paid")
