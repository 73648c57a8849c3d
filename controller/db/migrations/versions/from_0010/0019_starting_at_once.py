"""Servers: whether agents are started at once, and what came of it last"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("servers")}
    if "start" not in there:
        op.add_column("servers", sa.Column("start", sa.String(length=8), nullable=False, server_default=""))
    if "start_learned" not in there:
        kind = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
        op.add_column("servers", sa.Column("start_learned", kind, nullable=True))


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("servers", schema=None) as batch_op:
        batch_op.drop_column("start_learned")
        batch_op.drop_column("start")
