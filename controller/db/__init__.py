"""The controller's own database: tables, queries by subject, migrations."""
