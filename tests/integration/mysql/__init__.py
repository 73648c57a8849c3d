"""MySQL as well as MariaDB: ways in, whole restores in both directions, what its servers limit."""
