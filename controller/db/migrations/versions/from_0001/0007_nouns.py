"""What a bundle makes, as its clients call it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the revision."""
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.add_column(sa.Column("noun", sa.String(length=20), server_default="shop", nullable=False))


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.drop_column("noun")
