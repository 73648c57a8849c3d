"""MySQL beside MariaDB: ways in, whole restores in both directions, what its servers limit."""
