"""The state database: full, gone, migrated, asked little."""
