"""Bundles lie in an object store; servers have a channel, by which agents are rolled out"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_COLUMNS: tuple[tuple[str, str, Any, dict[str, Any]], ...] = (
    ("bundles", "store_key", sa.String(length=300), {"nullable": True}),
    ("jobs", "agent", sa.String(length=64), {"nullable": True}),
    ("servers", "channel", sa.String(length=20), {"nullable": False, "server_default": "stable"}),
)


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    found = sa.inspect(op.get_bind())
    for table, name, kind, more in _COLUMNS:
        if name not in {column["name"] for column in found.get_columns(table)}:
            op.add_column(table, sa.Column(name, kind, **more))
    if not found.has_table("agent_channels"):
        op.create_table(
            "agent_channels",
            sa.Column("name", sa.String(length=20), nullable=False),
            sa.Column("current", sa.String(length=64), server_default="", nullable=False),
            sa.Column("next", sa.String(length=64), server_default="", nullable=False),
            sa.Column("share", sa.Integer(), server_default="0", nullable=False),
            sa.Column("began_at", sa.Double(), nullable=True),
            sa.Column("stopped_at", sa.Double(), nullable=True),
            sa.Column("reason", sa.String(length=500), server_default="", nullable=False),
            sa.Column("alarm", sa.String(length=10), server_default="", nullable=False),
            sa.PrimaryKeyConstraint("name", name=op.f("pk_agent_channels")),
            **_OPTIONS,
        )


def downgrade() -> None:
    """Take the revision back."""
    op.drop_table("agent_channels")
    for table, name, _kind, _more in reversed(_COLUMNS):
        with op.batch_alter_table(table) as changed:
            changed.drop_column(name)
