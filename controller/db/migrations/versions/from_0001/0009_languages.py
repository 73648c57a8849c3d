"""The languages and currencies orders for a bundle may name"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql")


def upgrade() -> None:
    """Apply the revision."""
    # Of bundles added before nothing is known here: their orders are judged by the manifest, when work begins
    for column in ("languages", "currencies"):
        op.add_column("bundles", sa.Column(column, _LONG, nullable=True))


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        for column in ("currencies", "languages"):
            batch_op.drop_column(column)
