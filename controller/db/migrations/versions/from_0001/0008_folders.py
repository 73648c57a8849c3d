"""The folder of its domain a shop lives below, and whether a bundle can be put below one"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the revision."""
    op.add_column("jobs", sa.Column("folder", sa.String(64), nullable=False, server_default=""))
    # Earlier bundles know no folders
    op.add_column("bundles", sa.Column("folders", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Take the revision back."""
    for table, column in (("bundles", "folders"), ("jobs", "folder")):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(column)
