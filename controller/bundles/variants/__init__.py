"""Variants of a template: declared in one file, packed beside it, each proved."""
