"""The variants a bundle offers, as its manifest lists them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql")


def upgrade() -> None:
    """Apply the revision."""
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        # Null: added when no bundle had any
        batch_op.add_column(sa.Column("variants", _LONG, nullable=True))


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.drop_column("variants")
