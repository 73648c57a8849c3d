"""Operators: signed in when, and the sessions each has"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_TABLE = "operator_sessions"
_INDEX = "ix_operator_sessions_user"


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    found = sa.inspect(op.get_bind())
    if "signed_in_at" not in {column["name"] for column in found.get_columns("operators")}:
        op.add_column("operators", sa.Column("signed_in_at", sa.Double(), nullable=True))
    if not found.has_table(_TABLE):
        op.create_table(
            _TABLE,
            sa.Column("id", sa.String(length=32), nullable=False),
            sa.Column("user", sa.String(length=64), nullable=False),
            sa.Column("began_at", sa.Double(), nullable=False),
            sa.Column("seen_at", sa.Double(), nullable=False),
            sa.Column("address", sa.String(length=64), server_default="", nullable=False),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_sessions")),
            **_OPTIONS,
        )
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_TABLE)}:
        op.create_index(op.f(_INDEX), _TABLE, ["user"], unique=False)


def downgrade() -> None:
    """Take the revision back."""
    op.drop_table(_TABLE)
    with op.batch_alter_table("operators", schema=None) as batch_op:
        batch_op.drop_column("signed_in_at")
