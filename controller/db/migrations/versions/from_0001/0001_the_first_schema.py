"""The first schema"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql")
_OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    """Apply the revision."""
    _answers()
    _api_keys()
    _audit()
    _bundles()
    _fingerprints()
    _jobs()
    _login_failures()
    _operators()
    _servers()
    _used_signatures()
    _certificates()
    _events()
    _steps()


def downgrade() -> None:
    """Take the revision back."""
    op.drop_table("steps")
    op.drop_table("events")
    op.drop_table("certificates")
    with op.batch_alter_table("used_signatures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_used_signatures_at"))

    op.drop_table("used_signatures")
    op.drop_table("servers")
    op.drop_table("operators")
    with op.batch_alter_table("login_failures", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_login_failures_subject_at"))
        batch_op.drop_index(batch_op.f("ix_login_failures_at"))

    op.drop_table("login_failures")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_jobs_wake_at"))
        batch_op.drop_index(batch_op.f("ix_jobs_state"))
        batch_op.drop_index(batch_op.f("ix_jobs_service_id"))

    op.drop_table("jobs")
    with op.batch_alter_table("fingerprints", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fingerprints_job"))

    op.drop_table("fingerprints")
    op.drop_table("bundles")
    op.drop_table("audit")
    op.drop_table("api_keys")
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_answers_claimed_at"))

    op.drop_table("answers")


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("event", sa.String(length=110), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("content_type", sa.String(length=100), server_default="", nullable=False),
        sa.Column("body", _LONG, nullable=False),
        sa.Column("claimed_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_answers")),
        **_OPTIONS,
    )
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_answers_claimed_at"), ["claimed_at"], unique=False)


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("secret_encrypted", _LONG, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_api_keys")),
        **_OPTIONS,
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("job", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=500), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        **_OPTIONS,
    )


def _bundles() -> None:
    op.create_table(
        "bundles",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("application", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("added_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bundles")),
        **_OPTIONS,
    )


def _fingerprints() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_fingerprints")),
        **_OPTIONS,
    )
    with op.batch_alter_table("fingerprints", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fingerprints_job"), ["job"], unique=False)


def _order_columns() -> list[sa.Column[object]]:
    """Return what a job is to do, and what keeps others away from it."""
    return [
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("service_id", sa.String(length=64), nullable=True),
        sa.Column("server", sa.String(length=63), nullable=False),
        sa.Column("bundle", sa.String(length=63), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("account", sa.String(length=32), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("order", _LONG, nullable=False),
        sa.Column("order_key", sa.String(length=64), nullable=True),
        sa.Column("domain_key", sa.String(length=64), nullable=True),
        sa.Column("account_key", sa.String(length=64), nullable=True),
    ]


def _jobs() -> None:
    op.create_table(
        "jobs",
        *_order_columns(),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=30), nullable=True),
        sa.Column("stage", sa.String(length=30), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("percent", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", _LONG, nullable=True),
        sa.Column("secrets_encrypted", _LONG, nullable=True),
        sa.Column("facts", _LONG, nullable=False),
        sa.Column("progress", _LONG, nullable=False),
        sa.Column("lock_name", sa.String(length=60), nullable=False),
        sa.Column("alarm", sa.String(length=10), server_default="", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("dropped_at", sa.Double(), nullable=True),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("heard_at", sa.Double(), nullable=True),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("wake_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("account_key", name=op.f("uq_jobs_account_key")),
        sa.UniqueConstraint("domain_key", name=op.f("uq_jobs_domain_key")),
        sa.UniqueConstraint("order_key", name=op.f("uq_jobs_order_key")),
        **_OPTIONS,
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_service_id"), ["service_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_wake_at"), ["wake_at"], unique=False)


def _login_failures() -> None:
    op.create_table(
        "login_failures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_failures")),
        **_OPTIONS,
    )
    with op.batch_alter_table("login_failures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_failures_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_login_failures_subject_at"), ["subject", "at"], unique=False)


def _operators() -> None:
    op.create_table(
        "operators",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_operators")),
        **_OPTIONS,
    )


def _servers() -> None:
    op.create_table(
        "servers",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("panel", sa.String(length=20), nullable=False),
        sa.Column("url", sa.String(length=500), server_default="", nullable=False),
        sa.Column("user", sa.String(length=64), server_default="", nullable=False),
        sa.Column("token_encrypted", _LONG, nullable=True),
        sa.Column("ca_file", sa.String(length=500), server_default="", nullable=False),
        sa.Column("settings", _LONG, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_servers")),
        **_OPTIONS,
    )


def _used_signatures() -> None:
    op.create_table(
        "used_signatures",
        sa.Column("signature", sa.String(length=80), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_used_signatures")),
        **_OPTIONS,
    )
    with op.batch_alter_table("used_signatures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_used_signatures_at"), ["at"], unique=False)


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("signed", _LONG, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_certificates_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_certificates")),
        **_OPTIONS,
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("body", _LONG, nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_events_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("job", "attempt", "seq", name=op.f("uq_events_job_attempt_seq")),
        **_OPTIONS,
    )


def _steps() -> None:
    op.create_table(
        "steps",
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("not_before", sa.Double(), nullable=True),
        sa.Column("error", _LONG, nullable=True),
        sa.Column("note", sa.String(length=500), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_steps_job"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job", "name", name=op.f("pk_steps")),
        **_OPTIONS,
    )
