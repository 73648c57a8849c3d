"""How many reports of an agent are kept in how many bytes, and how fast they come"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COUNTS = (("events_kept", sa.Integer()), ("events_bytes", sa.BigInteger()))
_TIMES = ("reports_until", "heartbeats_until")
#: Of jobs in these states an agent may still report; nothing comes in of the others.
_OVER = ("live", "cancelled", "ignored")


def upgrade() -> None:
    """Apply the revision."""
    for name, kind in _COUNTS:
        op.add_column("jobs", sa.Column(name, kind, nullable=False, server_default="0"))
    for name in _TIMES:
        op.add_column("jobs", sa.Column(name, sa.Double(), nullable=True))
    _count()


def _count() -> None:
    jobs = sa.table("jobs", *map(sa.column, ("id", "state", "events_kept", "events_bytes")))
    events = sa.table("events", *map(sa.column, ("job", "body")))
    connection = op.get_bind()
    which = sa.select(jobs.c.id).where(jobs.c.state.not_in(_OVER))
    for job in list(connection.execute(which).scalars()):
        total = sa.func.coalesce(sa.func.sum(sa.func.length(events.c.body)), 0)
        found = connection.execute(sa.select(sa.func.count(), total).select_from(events).where(events.c.job == job))
        number, size = found.one()
        change = sa.update(jobs).where(jobs.c.id == job).values(events_kept=number, events_bytes=int(size))
        connection.execute(change)


def downgrade() -> None:
    """Take the revision back."""
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        for name in (*reversed(_TIMES), "events_bytes", "events_kept"):
            batch_op.drop_column(name)
