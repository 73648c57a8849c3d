"""The package of the system: built, installed into a tree of its own, upgraded, purged."""
