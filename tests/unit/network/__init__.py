"""Calls to other machines."""
