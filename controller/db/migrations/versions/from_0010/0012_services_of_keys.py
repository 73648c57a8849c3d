"""Services belong to the key that reported them: two billing systems number theirs alike"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql")
_AT_ONCE = 500
#: As controller.jobs.intake.billing_events names it.
_WHMCS = "whmcs"


def upgrade() -> None:
    """Apply the revision; what a broken off try has done already is left as it is."""
    for name in ("jobs", "services"):
        if "signed_by" not in {column["name"] for column in _looked().get_columns(name)}:
            op.add_column(name, _key())
    if "signed_by" not in _looked().get_pk_constraint("services")["constrained_columns"]:
        _renew_primary_key(["signed_by", "service_id"])
    whose = Whose(op.get_bind())
    _give_services(whose)
    _give_refused_orders(whose)
    _give_jobs(whose)


def _key() -> sa.Column[str]:
    return sa.Column("signed_by", sa.String(length=64), server_default="", nullable=False)


def _looked() -> sa.Inspector:
    return sa.inspect(op.get_bind())


def _renew_primary_key(columns: list[str]) -> None:
    kind, names = op.get_bind().dialect.name, ", ".join(columns)
    if kind != "sqlite":
        # One statement: there is no moment without a key
        name = "CONSTRAINT pk_services" if kind == "postgresql" else ""
        former = name or "PRIMARY KEY"
        op.execute(f"ALTER TABLE services DROP {former}, ADD {name} PRIMARY KEY ({names})")
        return
    table = _services(columns)
    names = ", ".join(column.name for column in table.columns)
    op.execute(sa.schema.CreateTable(table))
    op.execute(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM services")
    op.drop_table("services")
    op.rename_table(table.name, "services")


def _services(primary_key: list[str]) -> sa.Table:
    return sa.Table(
        "services_anew",
        sa.MetaData(),
        _key(),
        sa.Column("service_id", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=64)),
        sa.Column("client_id", sa.String(length=64)),
        sa.Column("module_created_at", sa.Double()),
        sa.Column("accepted_at", sa.Double()),
        sa.Column("terminated_at", sa.Double()),
        sa.Column("wanted", _LONG),
        sa.Column("error", _LONG),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(*primary_key, name=op.f("pk_services")),
    )


class Whose:
    """Whose an order was that is stored without its key: the only key's, else that of the log of signed requests.

    Where neither tells it nobody's key reaches it: the wrong billing system must not. `shoplaunch key adopt` gives it
    to one.
    """

    def __init__(self, connection: sa.Connection) -> None:
        names = list(connection.execute(sa.text("SELECT name FROM api_keys")).scalars())
        self._only = names[0] if len(names) == 1 else ""
        self._by_service: dict[str, set[str]] = {}
        self._by_job: dict[str, str] = {}
        if len(names) > 1:
            self._read_log(connection)

    def _read_log(self, connection: sa.Connection) -> None:
        since: dict[str, float] = {}
        for key, at, document in _answers(connection):
            if document.get("service_id"):
                self._by_service.setdefault(str(document["service_id"]), set()).add(key)
            job = str(document.get("id") or "")
            # Another's order that met the job was answered with it, too, but later
            if job and at < since.get(job, at + 1):
                since[job], self._by_job[job] = at, key

    def service(self, service_id: str) -> str:
        """Return the key of billing's service, "" where it is not known, or where several have reported the number."""
        keys = self._by_service.get(service_id, set())
        return next(iter(keys)) if len(keys) == 1 else self._only

    def job(self, job_id: str, service_id: str | None) -> str:
        """Return the key of the job: the first that was answered about it."""
        return self._by_job.get(job_id) or ("" if service_id is None else self.service(service_id)) or self._only


def _answers(connection: sa.Connection) -> Iterator[tuple[str, float, dict[str, object]]]:
    """Return (key, when, the document it was answered) of the signed requests that are still known."""
    query = sa.text(
        "SELECT event, claimed_at, body FROM answers WHERE status = 202 AND event > :last ORDER BY event LIMIT :most"
    )
    last = ""
    while rows := connection.execute(query, {"last": last, "most": _AT_ONCE}).all():
        for event, at, body in rows:
            try:
                document = json.loads(body)
            except ValueError:
                document = None
            if isinstance(document, dict):
                yield event.partition(":")[0], at, document
        last = rows[-1].event


def _give_services(whose: Whose) -> None:
    services = sa.table("services", sa.column("signed_by"), sa.column("service_id"))
    for service_id in _rows(sa.select(services.c.service_id).where(services.c.signed_by == "")):
        if whose.service(service_id):
            same = sa.and_(services.c.signed_by == "", services.c.service_id == service_id)
            op.execute(sa.update(services).where(same).values(signed_by=whose.service(service_id)))


def _give_refused_orders(whose: Whose) -> None:
    names = ("id", "source", "order_key", "signed_by", "service_id")
    refused = sa.table("refused_orders", *map(sa.column, names))
    connection = op.get_bind()
    query = sa.select(refused).where(refused.c.source == _WHMCS, refused.c.service_id.is_not(None))
    for row in connection.execute(query).all():
        key = row.signed_by or whose.service(row.service_id)
        # As controller.jobs.intake.refused_orders names them
        named = hashlib.sha256(f"service {key} {row.service_id}".encode()).hexdigest()
        if key and row.order_key != named:
            op.execute(sa.update(refused).where(refused.c.id == row.id).values(signed_by=key, order_key=named))


def _give_jobs(whose: Whose) -> None:
    names = ("id", "source", "parent", "signed_by", "service_id", "order", "order_key")
    jobs = sa.table("jobs", *map(sa.column, names))
    query = sa.select(jobs.c.id).where(jobs.c.signed_by == "")
    # Those of a shop's later jobs are those of its order
    for job_id in (*_rows(query.where(jobs.c.parent.is_(None))), *_rows(query.where(jobs.c.parent.is_not(None)))):
        row = op.get_bind().execute(sa.select(jobs).where(jobs.c.id == job_id)).one()
        key = _of_parent(jobs, row.parent) if row.parent else whose.job(row.id, row.service_id)
        if not key:
            continue
        values = {"signed_by": key}
        if row.order_key is not None:
            values["order_key"] = _order_key(key, json.loads(row.order))
        op.execute(sa.update(jobs).where(jobs.c.id == job_id).values(**values))


def _of_parent(jobs: sa.TableClause, parent: str) -> str:
    found = op.get_bind().execute(sa.select(jobs.c.signed_by).where(jobs.c.id == parent)).scalar()
    return str(found or "")


def _order_key(key: str, order: dict[str, object]) -> str:
    """Return the order's key as controller.jobs.intake.orders makes it."""
    named = {"by": key, "order": order}
    text = json.dumps(named, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _rows(query: sa.Select[Any]) -> list[Any]:
    return list(op.get_bind().execute(query).scalars())


def downgrade() -> None:
    """Take the revision back; of services of the same number one stays."""
    services = sa.table("services", sa.column("signed_by"), sa.column("service_id"))
    connection = op.get_bind()
    known: set[str] = set()
    for row in connection.execute(sa.select(services)).all():
        if row.service_id in known:
            same = sa.and_(services.c.signed_by == row.signed_by, services.c.service_id == row.service_id)
            connection.execute(sa.delete(services).where(same))
        known.add(row.service_id)
    _renew_primary_key(["service_id"])
    for name in ("services", "jobs"):
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_column("signed_by")
