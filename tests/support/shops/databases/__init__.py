"""Databases and dumps of every kind that templates are made with."""
