"""Replaces the parts of a template that depend on the account by placeholders, in any encoding."""
