"""Operators: what each may do, and a second factor"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql")


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    known = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("operators")}
    for column in (
        # Who could do everything before goes on so
        sa.Column("role", sa.String(length=20), server_default="administer", nullable=False),
        sa.Column("totp_encrypted", _LONG, nullable=True),
        sa.Column("totp_last", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("recovery", _LONG, nullable=True),
    ):
        if column.name not in known:
            op.add_column("operators", column)


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("operators", schema=None) as batch_op:
        for name in ("recovery", "totp_last", "totp_encrypted", "role"):
            batch_op.drop_column(name)
