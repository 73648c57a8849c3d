"""How the agents of finished jobs were started, what that was waited for, and what the rest took"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_TABLE = "agent_starts"
_INDEX = "ix_agent_starts_server_bundle_at"


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    if not sa.inspect(op.get_bind()).has_table(_TABLE):
        op.create_table(
            _TABLE,
            sa.Column("job", sa.String(length=40), nullable=False),
            sa.Column("attempt", sa.Integer(), nullable=False),
            sa.Column("server", sa.String(length=63), nullable=False),
            sa.Column("bundle", sa.String(length=63), nullable=False),
            sa.Column("way", sa.String(length=10), nullable=False),
            sa.Column("reason", sa.String(length=40), server_default="", nullable=False),
            sa.Column("waited", sa.Double(), nullable=True),
            sa.Column("worked", sa.Double(), nullable=True),
            sa.Column("at", sa.Double(), nullable=False),
            sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_agent_starts_job"), ondelete="CASCADE"),
            sa.PrimaryKeyConstraint("job", "attempt", name=op.f("pk_agent_starts")),
            **_OPTIONS,
        )
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_TABLE)}:
        op.create_index(op.f(_INDEX), _TABLE, ["server", "bundle", "at"], unique=False)


def downgrade() -> None:
    """Take the revision back."""
    op.drop_table(_TABLE)
