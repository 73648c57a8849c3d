"""Operators: which of their sessions still count"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("operators")}
    if "generation" not in known:
        op.add_column("operators", sa.Column("generation", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("operators", schema=None) as batch_op:
        batch_op.drop_column("generation")
