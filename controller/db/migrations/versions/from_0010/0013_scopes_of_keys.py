"""Keys of billing systems: what they may do, how often, when they were used and revoked"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql")
_INDEX = "ix_used_signatures_signed_by_at"


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    _add("api_keys", sa.Column("scope", _LONG, nullable=True))
    _add("api_keys", sa.Column("rate", sa.Integer(), nullable=True))
    _add("api_keys", sa.Column("used_at", sa.Double(), nullable=True))
    _add("api_keys", sa.Column("revoked_at", sa.Double(), nullable=True))
    _add("used_signatures", sa.Column("signed_by", sa.String(length=64), server_default="", nullable=False))
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("used_signatures")}:
        op.create_index(op.f(_INDEX), "used_signatures", ["signed_by", "at"])


def _add(table: str, column: sa.Column[object]) -> None:
    if column.name not in {known["name"] for known in sa.inspect(op.get_bind()).get_columns(table)}:
        op.add_column(table, column)


def downgrade() -> None:
    """Take the revision back."""
    op.drop_index(op.f(_INDEX), table_name="used_signatures")
    with op.batch_alter_table("used_signatures", schema=None) as batch_op:
        batch_op.drop_column("signed_by")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        for name in ("revoked_at", "used_at", "rate", "scope"):
            batch_op.drop_column(name)
