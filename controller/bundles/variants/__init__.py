"""Variants of a template: declared in one file, packed with the template, each proved."""
