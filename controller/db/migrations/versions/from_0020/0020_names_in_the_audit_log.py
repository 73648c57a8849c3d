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
_OTHER = "audit_anew"
_COLUMNS = ("id", "at", "user", "action", "job", "detail")


def upgrade() -> None:
    """Apply the revision."""
    _widen(_BEFORE, _CHARS)
    _complete()


def _widen(before: int, chars: int) -> None:
    if op.get_bind().dialect.name != "sqlite":
        (now,) = (
            column["type"] for column in sa.inspect(op.get_bind()).get_columns("audit") if column["name"] == "user"
        )
        if getattr(now, "length", None) != chars:
            # What a broken off try has done already is left as it is
            op.alter_column(
                "audit", "user", existing_type=sa.String(before), type_=sa.String(chars), existing_nullable=False
            )
        return
    # SQLite changes no column; all of it is one transaction there
    op.create_table(
        _OTHER,
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("user", sa.String(length=chars), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("job", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=500), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    there, anew = (sa.table(name, *map(sa.column, _COLUMNS)) for name in ("audit", _OTHER))
    op.execute(sa.insert(anew).from_select(_COLUMNS, sa.select(*there.c)))
    op.drop_table("audit")
    op.rename_table(_OTHER, "audit")


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
    _widen(_CHARS, _BEFORE)
