"""Tables of the web side: signed requests and their first answers, signatures already used, failed logins."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

#: One row per event of a key: what was asked, and the first answer once it is known.
signed_events = sa.Table(
    "signed_events",
    metadata,
    sa.Column("key_name", sa.String(64), primary_key=True),
    sa.Column("event", sa.String(36), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("claimed_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("status", sa.Integer),
    sa.Column("content_type", sa.String(128)),
    sa.Column("body", sa.LargeBinary(1024 * 1024)),
)
used_signatures = sa.Table(
    "used_signatures",
    metadata,
    sa.Column("signature", sa.String(80), primary_key=True),
    sa.Column("used_at", sa.BigInteger, nullable=False, index=True),
)
login_failures = sa.Table(
    "login_failures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_name", sa.String(64), nullable=False, index=True),
    sa.Column("address", sa.String(64), nullable=False, index=True),
    sa.Column("at", sa.BigInteger, nullable=False),
)
