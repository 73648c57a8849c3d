"""The audit log has room for the longest name of a key; names that were cut are whole where one key alone fits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_BEFORE, _CHARS = 64, 80
_KEY = "key "


def upgrade() -> None:
    """Apply the revision."""
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.alter_column(
            "user", existing_type=sa.String(_BEFORE), type_=sa.String(_CHARS), existing_nullable=False
        )
    _complete()


def _complete() -> None:
    connection = op.get_bind()
    keys, audit = sa.table("api_keys", sa.column("name")), sa.table("audit", sa.column("user"))
    whole: dict[str, list[str]] = {}
    for name in connection.execute(sa.select(keys.c.name)).scalars():
        whole.setdefault(f"{_KEY}{name}"[:_BEFORE], []).append(f"{_KEY}{name}")
    for cut, names in whole.items():
        # Of two keys that begin alike nobody knows whose the rows are
        if len(names) == 1 and names[0] != cut:
            connection.execute(sa.update(audit).where(audit.c.user == cut).values(user=names[0]))


def downgrade() -> None:
    """Take the revision back; names that are longer are cut."""
    audit = sa.table("audit", sa.column("user"))
    op.get_bind().execute(sa.update(audit).values(user=sa.func.substr(audit.c.user, 1, _BEFORE)))
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.alter_column(
            "user", existing_type=sa.String(_CHARS), type_=sa.String(_BEFORE), existing_nullable=False
        )
