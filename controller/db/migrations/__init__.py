"""Alembic's migrations of the state database."""
