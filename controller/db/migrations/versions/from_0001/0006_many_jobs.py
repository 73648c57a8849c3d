"""What lists and orders ask for is found by an index, however many jobs there are"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NEW = {
    "ix_jobs_updated_at_id": ["updated_at", "id"],
    "ix_jobs_state_updated_at_id": ["state", "updated_at", "id"],
    "ix_jobs_server_updated_at": ["server", "updated_at"],
    "ix_jobs_server_account": ["server", "account"],
}


def upgrade() -> None:
    """Apply the revision."""
    for name, columns in _NEW.items():
        op.create_index(name, "jobs", columns, unique=False)
    # The one that begins with the state serves for both
    op.drop_index("ix_jobs_state", table_name="jobs")


def downgrade() -> None:
    """Take the revision back."""
    op.create_index("ix_jobs_state", "jobs", ["state"], unique=False)
    for name in _NEW:
        op.drop_index(name, table_name="jobs")
