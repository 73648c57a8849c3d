"""Determines a template's hosts and paths, in the forms to search for."""
