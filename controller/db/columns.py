"""What all tables share: types of columns, the reference to a job, names of constraints, options."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}
#: Exact comparison of text everywhere, as in SQLite.
OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
Long = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def of_job(*, primary: bool) -> sa.Column[object]:
    """Return the column `job`, whose row goes with its job's."""
    reference = sa.ForeignKey("jobs.id", ondelete="CASCADE")
    return sa.Column("job", sa.String(40), reference, primary_key=primary, nullable=False)
