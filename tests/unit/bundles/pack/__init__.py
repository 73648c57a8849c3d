"""Rows and files as members of a bundle."""
