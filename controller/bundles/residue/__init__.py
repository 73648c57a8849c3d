"""Searches a bundle for the template's residue, and describes the findings."""
