"""Later jobs on a shop that lives: whose they are, and what its bundle said of them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql")


def upgrade() -> None:
    """Apply the revision."""
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("later", _LONG, nullable=True))
        batch_op.create_index(batch_op.f("ix_jobs_parent"), ["parent"], unique=False)


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_parent"))
        batch_op.drop_column("later")
        batch_op.drop_column("parent")
