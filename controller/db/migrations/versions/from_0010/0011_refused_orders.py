"""Refused orders, signs of life of workers, alarms that are found, who tells of a locked server"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql")
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
_INDEXES = ("service_id", "domain", "settled_at")


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    there = sa.inspect(op.get_bind())
    tables = there.get_table_names()
    if "workers" not in tables:
        op.create_table(
            "workers",
            sa.Column("name", sa.String(length=64), nullable=False),
            sa.Column("started_at", sa.Double(), nullable=False),
            sa.Column("beat_at", sa.Double(), nullable=False),
            sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
            **_OPTIONS,
        )
    if "locked_told_by" not in {column["name"] for column in there.get_columns("servers")}:
        op.add_column("servers", sa.Column("locked_told_by", sa.String(length=40), nullable=True))
    if "ix_jobs_alarm" not in {index["name"] for index in there.get_indexes("jobs")}:
        op.create_index(op.f("ix_jobs_alarm"), "jobs", ["alarm"])
    if "refused_orders" not in tables:
        _create_refused_orders()
    known = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("refused_orders")}
    for column in _INDEXES:
        name = f"ix_refused_orders_{column}"
        if name not in known:
            op.create_index(op.f(name), "refused_orders", [column])
    _take_over_refused_services()


def _create_refused_orders() -> None:
    op.create_table(
        "refused_orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_key", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("signed_by", sa.String(length=64), server_default="", nullable=False),
        sa.Column("service_id", sa.String(length=64), nullable=True),
        sa.Column("domain", sa.String(length=253), server_default="", nullable=False),
        sa.Column("bundle", sa.String(length=63), server_default="", nullable=False),
        sa.Column("document", _LONG, nullable=True),
        sa.Column("error", _LONG, nullable=False),
        sa.Column("tries", sa.Integer(), server_default="1", nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("alarm", sa.String(length=10), server_default="", nullable=False),
        sa.Column("settled", sa.String(length=20), server_default="", nullable=False),
        sa.Column("settled_at", sa.Double(), nullable=True),
        sa.Column("job", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_orders")),
        sa.UniqueConstraint("order_key", name=op.f("uq_refused_orders_order_key")),
        **_OPTIONS,
    )


def _take_over_refused_services() -> None:
    """Services that no job could be made of were seen nowhere but in billing."""
    refused = sa.table("refused_orders", *map(sa.column, _COLUMNS))
    connection = op.get_bind()
    known = set(connection.execute(sa.select(refused.c.order_key)).scalars())
    for row in list(_refused_services(connection)):
        if row["order_key"] not in known:
            connection.execute(sa.insert(refused).values(**row))


_COLUMNS = (
    "order_key", "source", "service_id", "domain", "bundle", "document", "error", "first_at", "last_at",
)  # fmt: skip


def _refused_services(connection: sa.Connection) -> Iterator[dict[str, object]]:
    names = ("service_id", "wanted", "error", "updated_at", "terminated_at")
    services = sa.table("services", *map(sa.column, names))
    query = sa.select(services).where(services.c.error.is_not(None), services.c.terminated_at.is_(None))
    for row in connection.execute(query):
        wanted = json.loads(row.wanted or "{}")
        # As controller.jobs.intake.refused_orders names them
        key = hashlib.sha256(f"service {row.service_id}".encode()).hexdigest()
        yield {
            "order_key": key,
            "source": "whmcs",
            "service_id": row.service_id,
            "domain": str(wanted.get("domain") or "")[:253],
            "bundle": str(wanted.get("bundle") or "")[:63],
            "document": row.wanted,
            "error": row.error,
            "first_at": row.updated_at,
            "last_at": row.updated_at,
        }


def downgrade() -> None:
    """Take the revision back."""
    op.drop_table("refused_orders")
    op.drop_index(op.f("ix_jobs_alarm"), table_name="jobs")
    with op.batch_alter_table("servers", schema=None) as batch_op:
        batch_op.drop_column("locked_told_by")
    op.drop_table("workers")
