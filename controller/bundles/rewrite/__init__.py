"""Replaces what of a template depends on the account by placeholders, in whatever it is wrapped."""
